import NetTypes
import Testing

@testable import NodeAgent

@Suite struct `The limit of log lines` {
    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    @Test func `a cause is said once a minute, with how often it was left out`() {
        var limiter = LogLimiter<String>()
        #expect(limiter.admit("one", at: at(0)) == 0)
        for second in 1..<60 { #expect(limiter.admit("one", at: at(Int64(second))) == nil) }
        #expect(limiter.admit("other", at: at(30)) == 0)
        #expect(limiter.admit("one", at: at(60)) == 59)
        #expect(limiter.admit("one", at: at(61)) == nil)
        #expect(limiter.admit("one", at: at(121)) == 1)
    }

    @Test func `ten thousand causes make no more lines than are remembered, and none is lost from the count`() {
        var limiter = LogLimiter<Int>()
        let said = (0..<10_000).count { limiter.admit($0, at: at(0)) != nil }
        #expect(said == LogLimiter<Int>.mostCauses)
        #expect(limiter.admit(20_000, at: at(60)) == 10_000 - said)
        #expect(limiter.admit(0, at: at(60)) == 0, "it was forgotten, and is new")
    }

    @Test func `some lines may be written at once, and then one a second`() {
        var allowance = LogAllowance()
        #expect((0..<100).count { _ in allowance.take(at: at(100)) } == 10)
        #expect(allowance.next == at(101))
        #expect((0..<100).count { _ in allowance.take(at: at(101)) } == 1)
        #expect((0..<100).count { _ in allowance.take(at: at(200)) } == 10)
    }
}

import NetTypes
import Testing

@testable import NodeAgent

struct AdvertisementPaceTests {
    private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    @Test func `without an interval nothing waits`() {
        var pace = AdvertisementPace()
        for _ in 0..<3 {
            pace.began()
            pace.ended(at: at(0), jitter: 0)
            let may = pace.mayBegin(at: at(0))
            #expect(may && pace.deadline == nil)
        }
    }

    @Test func `a round goes out whole, and the next one waits for the interval less up to a quarter`() {
        for (jitter, end) in [(0, 1000), (255, 751)] as [(UInt8, Int64)] {
            var pace = AdvertisementPace(interval: .seconds(1))
            var may = pace.mayBegin(at: at(0))
            #expect(may, "the first table")
            pace.began()
            may = pace.mayBegin(at: at(5))
            #expect(may, "the same round")
            pace.began()
            pace.ended(at: at(0), jitter: jitter)
            may = pace.mayBegin(at: at(end - 2))
            #expect(!may)
            #expect(pace.deadline.map { $0 <= at(end) } == true)
            may = pace.mayBegin(at: at(end))
            #expect(may)
        }
    }

    @Test func `an empty turn is no round`() {
        var pace = AdvertisementPace(interval: .seconds(1))
        pace.ended(at: at(0), jitter: 0)
        #expect(pace.deadline == nil)
    }

    @Test func `a shorter interval and a new session end the wait`() {
        var pace = AdvertisementPace(interval: .seconds(10))
        pace.began()
        pace.ended(at: at(0), jitter: 0)
        var copy = pace
        copy.interval = .seconds(1)
        var may = copy.mayBegin(at: at(1))
        #expect(may)
        pace.restart()
        may = pace.mayBegin(at: at(1))
        #expect(may)
    }
}

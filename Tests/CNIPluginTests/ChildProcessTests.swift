import CNIPlugin
import Testing

struct ChildProcessTests {
    /// More than a pipe holds, so that the child is gone before all is written.
    @Test func `a child that ends without reading its input is an answer, not our end`() throws {
        let input = [UInt8](repeating: 32, count: 1 << 20)
        let ended = try runProcess("/bin/true", environment: [:], input: input)
        #expect(ended.succeeded)
        let failed = try runProcess("/bin/false", environment: [:], input: input)
        #expect(failed.end == "status 1")
    }

    @Test func `input and output of more than a pipe holds pass through at the same time`() throws {
        let input = (0..<1 << 19).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let finished = try runProcess("/bin/cat", environment: [:], input: input)
        #expect(finished.succeeded)
        #expect(finished.output == input)
    }
}

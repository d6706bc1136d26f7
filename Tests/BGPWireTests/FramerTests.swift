import BGPWire
import NetTypes
import TestKit
import Testing

@Suite struct FramerTests {
    private func step(_ bytes: [UInt8], maximumLength: Int = 4096) -> Framer.Step {
        var framer = Framer(maximumLength: maximumLength)
        framer.append(bytes)
        return framer.next()
    }

    private func header(length: Int, type: UInt8) -> [UInt8] {
        [UInt8](repeating: 0xff, count: 16) + [UInt8(length >> 8), UInt8(length & 255), type]
    }

    @Test(arguments: 0..<16)
    func `one wrong octet in the marker is not synchronized`(place: Int) {
        var bytes = header(length: 19, type: 4)
        bytes[place] = 0xfe
        #expect(step(bytes) == .malformed(NotificationMessage(1, 1)))
    }

    @Test(
        arguments: [
            (1, 28), (1, 4097), (2, 22), (2, 4097), (2, 0), (2, 18), (3, 20), (4, 18), (4, 20), (4, 4096), (5, 22),
            (5, 24), (2, 5000),
            (2, 65535),
        ] as [(UInt8, Int)])
    func `a length that the type cannot have is told with its octets`(type: UInt8, length: Int) {
        let data = [UInt8(length >> 8), UInt8(length & 255)]
        #expect(step(header(length: length, type: type)) == .malformed(NotificationMessage(1, 2, data)))
    }

    @Test(arguments: [(1, 29), (1, 4096), (2, 23), (2, 4096), (3, 21), (3, 4096), (5, 23)] as [(UInt8, Int)])
    func `the shortest and longest of each type are waited for and given out`(type: UInt8, length: Int) {
        let bytes = header(length: length, type: type) + [UInt8](repeating: 0, count: length - 19)
        #expect(step(Array(bytes.dropLast())) == .needMore)
        #expect(step(bytes) == .message(type: type, body: 19..<length))
    }

    @Test(arguments: [0, 6, 7, 128, 255] as [UInt8])
    func `a type that does not exist is told`(type: UInt8) {
        #expect(step(header(length: 19, type: type)) == .malformed(NotificationMessage(1, 3, [type])))
    }

    @Test func `extended messages allow 65535 octets, but not in OPEN`() {
        #expect(step(header(length: 65535, type: 2), maximumLength: 65535) == .needMore)
        #expect(
            step(header(length: 4097, type: 1), maximumLength: 65535)
                == .malformed(NotificationMessage(1, 2, [0x10, 1])))
    }

    @Test func `a ROUTE-REFRESH of any length passes once its own error was negotiated`() throws {
        for length in [19, 22, 24, 100] {
            var framer = Framer()
            framer.adopt(DecodeContext(enhancedRouteRefresh: true))
            let bytes = header(length: length, type: 5) + [UInt8](repeating: 7, count: length - 19)
            framer.append(bytes)
            var found: NotificationMessage?
            do throws(NotificationMessage) {
                _ = try framer.nextMessage(in: DecodeContext(enhancedRouteRefresh: true))
            } catch { found = error }
            #expect(found == NotificationMessage(7, 1, bytes))
            #expect(step(bytes) == .malformed(NotificationMessage(1, 2, [0, UInt8(length)])))
        }
        var framer = Framer()
        framer.adopt(DecodeContext(maximumLength: 4096, enhancedRouteRefresh: true))
        framer.append(header(length: 4097, type: 5))
        #expect(framer.next() == .malformed(NotificationMessage(1, 2, [0x10, 1])))
    }

    @Test func `a NOTIFICATION is known by its header, however wrong its length`() {
        for (length, type, isOne) in [(20, UInt8(3), true), (60000, 3, true), (20, 4, false)] {
            var framer = Framer()
            #expect(!framer.isNotificationNext)
            framer.append(header(length: length, type: type))
            #expect(framer.next() != .needMore)
            #expect(framer.isNotificationNext == isOne)
        }
        var framer = Framer()
        framer.append([0] + header(length: 20, type: 3).dropFirst())
        #expect(!framer.isNotificationNext)
    }

    @Test func `an error stays, whatever follows`() {
        var framer = Framer()
        framer.append(header(length: 19, type: 9))
        let first = framer.next()
        framer.append(header(length: 19, type: 4))
        #expect(framer.next() == first)
    }

    @Test func `the limit can grow between two messages`() {
        var framer = Framer()
        framer.append(header(length: 19, type: 4) + header(length: 5000, type: 2) + [UInt8](repeating: 0, count: 4981))
        #expect(framer.next() == .message(type: 4, body: 19..<19))
        framer.maximumLength = 65535
        #expect(framer.next() == .message(type: 2, body: 38..<5019))
    }

    @Test func `a large stream is consumed without keeping it`() throws {
        var framer = Framer()
        let keepalive = header(length: 19, type: 4)
        let block = [UInt8]((0..<10_000).map { _ in keepalive }.joined())
        var count = 0
        for _ in 0..<20 {
            block.withUnsafeBytes { framer.append($0) }
            framer.append(keepalive.prefix(7))
            while case .message = framer.next() { count += 1 }
            #expect(framer.pending == 7)
            framer.append(keepalive.suffix(12))
        }
        while case .message = framer.next() { count += 1 }
        #expect(count == 20 * 10_001)
        #expect(framer.pending == 0)
    }
}

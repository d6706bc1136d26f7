import CLinux
import Foundation
import NetTypes
import TestKit

/// A TCP stream between two namespaces that is as fast as it may be.
package enum Stream {
    /// Sends `octets` and returns the bits a second that arrived.
    package static func rate(
        from client: Namespace, to server: Namespace, at address: IPAddress, octets: Int, within seconds: Double = 60
    ) throws -> Double {
        let port: UInt16 = 7008
        let listener = try server.listener(.any(address.family, port))
        defer { close(listener) }
        let sender = try client.tcp(to: Endpoint(address, port))
        defer { close(sender) }
        guard ready(listener, POLLIN, within: seconds) else { throw LabError("nobody connects to \(address)") }
        let receiver = clinux_accept(listener, nil, nil)
        guard receiver >= 0 else { throw LabError("accept: \(errorText())") }
        defer { close(receiver) }
        let began = Date()
        let arrived = try move(octets, from: sender, to: receiver, until: began.addingTimeInterval(seconds))
        return Double(arrived) * 8 / Date().timeIntervalSince(began)
    }

    /// One thread feeds the one end and empties the other.
    private static func move(_ octets: Int, from sender: Int32, to receiver: Int32, until deadline: Date) throws -> Int
    {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var (sent, arrived) = (0, 0)
        while arrived < octets {
            guard Date() < deadline else { throw LabError("\(arrived) of \(octets) octets arrived") }
            let writes = Int16(sent < octets ? POLLOUT : 0)
            var entries = [
                pollfd(fd: sender, events: writes, revents: 0), pollfd(fd: receiver, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&entries, 2, 1000) > 0 else { continue }
            if sent < octets, entries[0].revents & Int16(POLLOUT) != 0 {
                let count = send(
                    sender, buffer, min(buffer.count, octets - sent), Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
                guard count > 0 || errno == EAGAIN else { throw LabError("send: \(errorText())") }
                sent += max(0, count)
            }
            if entries[1].revents != 0 {
                let count = recv(receiver, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                guard count > 0 || (count < 0 && errno == EAGAIN) else { throw LabError("recv: \(errorText())") }
                arrived += max(0, count)
            }
        }
        return arrived
    }
}

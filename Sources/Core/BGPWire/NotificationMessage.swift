/// NOTIFICATION (RFC 4271 section 4.5): why a session ends. Thrown by decoders when the session must be reset.
package struct NotificationMessage: Error, Sendable, Hashable {
    package var code: UInt8
    package var subcode: UInt8
    package var data: [UInt8]

    package init(_ code: UInt8, _ subcode: UInt8, _ data: [UInt8] = []) {
        self.code = code
        self.subcode = subcode
        self.data = data
    }
}

import CCurl
import ControlAPI
import Glibc

/// What an endless answer is given to.
private final class Receiver {
    let handle: UnsafeMutableRawPointer
    let take: ([UInt8]) -> Bool
    /// The answer is an error, of which this is the document.
    var refusal: [UInt8] = []
    /// `take` wanted no more.
    var isEnough = false

    init(_ handle: UnsafeMutableRawPointer, _ take: @escaping ([UInt8]) -> Bool) {
        (self.handle, self.take) = (handle, take)
    }
}

extension ControlClient {
    /// Gives the octets of an answer without an end to `take`, as they come, until that is false or the agent ends it.
    package func stream(
        _ request: ControlRequest, _ take: @escaping ([UInt8]) -> Bool
    ) throws(ControlError) {
        let handle = try prepare(request.path)
        defer { curl_easy_cleanup(handle) }
        let receiver = Receiver(handle, take)
        guard ccurl_set_writer(handle, receive, Unmanaged.passUnretained(receiver).toOpaque()) == CURLE_OK else {
            throw .broken("this libcurl takes no writer")
        }
        let result = withExtendedLifetime(receiver) { curl_easy_perform(handle) }
        if receiver.isEnough { return }
        guard result == CURLE_OK else { throw error(result, handle) }
        let status = ccurl_get_long(handle, CURLINFO_RESPONSE_CODE)
        guard status == 200 else {
            let document = try? ControlJSON.decode(ErrorDocument.self, from: receiver.refusal)
            throw .refused(status: status, message: document?.error ?? "martletd answered with HTTP status \(status)")
        }
    }
}

/// libcurl's write callback: `context` is a `Receiver`. Another number than `size * count` ends the transfer.
private func receive(
    _ data: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let data, let context else { return 0 }
    let receiver = Unmanaged<Receiver>.fromOpaque(context).takeUnretainedValue()
    let octets = Array(UnsafeRawBufferPointer(start: data, count: size * count))
    guard ccurl_get_long(receiver.handle, CURLINFO_RESPONSE_CODE) == 200 else {
        receiver.refusal += octets
        return octets.count
    }
    guard receiver.take(octets) else {
        receiver.isEnough = true
        return 0
    }
    return octets.count
}

import AgentClient
import ArgumentParser
import BGPCapture
import ControlAPI
import Glibc

struct Capture: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Follow a session as decode shows a file: every message from now on, after the two OPENs.")

    @Argument(help: "Name or address of a configured peer.")
    var peer: String

    @Option(help: ArgumentHelp("Also write everything as a pcap file, for Wireshark or decode.", valueName: "file"))
    var write: String?

    @Option(help: ArgumentHelp("End after so many messages.", valueName: "number"))
    var count: Int?

    @OptionGroup var printing: PrintingOptions

    @OptionGroup var common: Common

    func run() throws {
        let printer = try printing.printer()
        var settings = CaptureSettings()
        settings.port = nil
        let listener = Listener(CaptureDecoder(settings), printer, left: count, file: try write.map(Self.create))
        try common.console.client.stream(.capture(peer)) { listener.take($0) }
        listener.finish()
        if let problem = listener.problem { throw problem }
    }

    private static func create(_ path: String) throws -> Int32 {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw FileProblem(description: "\(path): \(String(cString: strerror(errno)).lowercased())")
        }
        return descriptor
    }
}

/// Takes a capture as it comes.
private final class Listener {
    private var decoder: CaptureDecoder
    private let printer: CapturePrinter
    /// Messages until the end; nil: there is none.
    private var left: Int?
    private let file: Int32?
    private(set) var problem: FileProblem?

    init(_ decoder: CaptureDecoder, _ printer: CapturePrinter, left: Int?, file: Int32?) {
        (self.decoder, self.printer, self.left, self.file) = (decoder, printer, left, file)
    }

    /// False when it is enough.
    func take(_ octets: [UInt8]) -> Bool {
        if let file { Console.write(octets, to: file) }
        return show { try decoder.append(octets[...]) }
    }

    func finish() {
        _ = show { try decoder.finish() }
        if let file { close(file) }
    }

    private func show(_ entries: () throws -> [CaptureEntry]) -> Bool {
        do {
            for entry in try entries() {
                guard left != 0 else { return false }
                guard let text = printer.text(entry) else { continue }
                Console.write(Array(text.utf8))
                if case .message = entry { left = left.map { $0 - 1 } }
            }
            return left != 0
        } catch {
            problem = FileProblem(description: "the agent's capture: \(error)")
            return false
        }
    }
}

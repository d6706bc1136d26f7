import AgentClient
import ArgumentParser
import BGPCapture
import Glibc
import NetTypes

/// A file that cannot be read.
struct FileProblem: Error, CustomStringConvertible {
    let description: String
}

/// Whether two speakers are in one AS.
enum Side: String, EnumerableFlag {
    case external
    case `internal`
}

/// Which messages are shown, and how.
struct PrintingOptions: ParsableArguments {
    @Flag(help: "One JSON object for each message, in one line.")
    var json = false

    @Flag(help: "One line for each message.")
    var summary = false

    @Option(
        help: ArgumentHelp(
            "Only messages of these types: open, update, notification, keepalive, route-refresh.", valueName: "types"))
    var type: String?

    @Option(help: ArgumentHelp("Only messages with a prefix inside or around this one.", valueName: "prefix"))
    var prefix: String?

    func printer() throws -> CapturePrinter {
        var printer = CapturePrinter()
        guard !(json && summary) else { throw ValidationError("give --json or --summary, not both") }
        printer.form = json ? .json : summary ? .summary : .full
        for name in type?.split(separator: ",") ?? [] {
            guard let type = CapturePrinter.type(named: name) else {
                throw ValidationError(
                    "\"\(name)\" is no type of message: open, update, notification, keepalive, "
                        + "route-refresh")
            }
            printer.types.insert(type)
        }
        guard let prefix else { return printer }
        guard let wanted = Prefix(strict: prefix) ?? IPAddress(prefix).map(Prefix.init(host:)) else {
            throw ValidationError("\"\(prefix)\" is neither an address nor a prefix without host bits")
        }
        printer.prefix = wanted
        return printer
    }
}

struct Decode: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Every BGP message of a capture, field by field, with what our speaker would do and which RFC says so.",
        discussion: "FILE is pcap, pcapng, MRT, hexadecimal text, or \"-\" for standard input. Needs no agent.")

    @Argument(help: "The capture.")
    var file: String

    @Option(help: ArgumentHelp("TCP port of BGP in packets; 0: every connection.", valueName: "number"))
    var port: UInt16 = 179

    @Flag(inversion: .prefixedNo, help: "Without OPENs: AS numbers have four octets.")
    var as4 = true

    @Flag(help: "Without OPENs: whether the two sides are in different ASes.")
    var side = Side.external

    @Flag(help: "Without OPENs: prefixes have path identifiers (RFC 7911).")
    var addPath = false

    @OptionGroup var printing: PrintingOptions

    func run() throws {
        let printer = try printing.printer()
        var settings = CaptureSettings()
        settings.port = port == 0 ? nil : port
        settings.fourOctetAS = as4
        settings.isExternal = side == .external
        settings.addPath = addPath ? .all : []
        var decoder = CaptureDecoder(settings)
        do throws(CaptureError) {
            try read { (bytes) throws(CaptureError) in Self.show(try decoder.append(bytes), printer) }
            Self.show(try decoder.finish(), printer)
            if let emptiness = decoder.emptiness { Self.show([emptiness], printer) }
        } catch {
            throw FileProblem(description: "\(file): \(error)")
        }
    }

    static func show(_ entries: [CaptureEntry], _ printer: CapturePrinter) {
        let text = entries.compactMap { printer.text($0) }.joined()
        if !text.isEmpty { Console.write(Array(text.utf8)) }
    }

    /// Gives the file's octets in pieces.
    private func read(_ take: (ArraySlice<UInt8>) throws(CaptureError) -> Void) throws(CaptureError) {
        let descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CaptureError(text: String(cString: strerror(errno)).lowercased()) }
        defer { if descriptor != STDIN_FILENO { close(descriptor) } }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var offset = 0
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count != 0 else { return }
            guard count > 0 else {
                guard errno == EINTR else {
                    throw CaptureError(offset: offset, text: String(cString: strerror(errno)).lowercased())
                }
                continue
            }
            try take(buffer[..<count])
            offset += count
        }
    }
}

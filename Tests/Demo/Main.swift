import Foundation
import Lab

/// The command line of the demo.
struct Options {
    enum Top: String, CaseIterable {
        case frr, bird, martletd
    }

    var top = Top.frr
    var keep = false
    var plain = false
    var remove = false

    static let usage = """
        usage: demo [--tor frr|bird|martletd] [--keep] [--plain]
               demo --remove

        Builds a rack in network namespaces and shows what Martlet does in it.
          --tor     what runs as top-of-rack router (default frr; martletd needs no package)
          --keep    leaves the rack standing, with the commands to explore it
          --plain   no colours, no drawing characters
          --remove  removes a rack that --keep left

        """

    /// - Parameter environment: TOR and KEEP, as `make demo TOR=bird KEEP=1` hands them on.
    init?(_ arguments: [String], environment: [String: String]) {
        if let name = environment["TOR"], !name.isEmpty {
            guard let top = Top(rawValue: name) else { return nil }
            self.top = top
        }
        keep = !["", "0", "no"].contains(environment["KEEP"] ?? "")
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--tor":
                guard let top = rest.popFirst().flatMap(Top.init(rawValue:)) else { return nil }
                self.top = top
            case "--keep": keep = true
            case "--plain": plain = true
            case "--remove": remove = true
            default: return nil
            }
        }
    }
}

@main
enum Main {
    /// The rack that `--keep` leaves has a name that does not change.
    static let kept = LabName(fixed: "martlet-demo")

    static func main() {
        guard
            let options = Options(
                Array(CommandLine.arguments.dropFirst()), environment: ProcessInfo.processInfo.environment)
        else {
            FileHandle.standardError.write(Data(Options.usage.utf8))
            exit(2)
        }
        guard geteuid() == 0 else {
            FileHandle.standardError.write(
                Data("The demo makes network namespaces, which needs root: run it with sudo.\n".utf8))
            exit(1)
        }
        if options.remove {
            kept.removeAll()
            print("The rack is gone.")
            exit(0)
        }
        let screen = Screen(plain: options.plain)
        exit(show(options, on: screen) ? 0 : 1)
    }

    private static func show(_ options: Options, on screen: Screen) -> Bool {
        do {
            if options.keep { kept.removeAll() }
            let demo = try Demo(options, name: options.keep ? kept : LabName(), screen: screen)
            defer { if !demo.isKept { demo.rack.remove() } }
            do {
                try demo.run()
            } catch {
                screen.check(false, "\(error)")
                demo.showLogs()
            }
        } catch { screen.check(false, "\(error)") }
        return screen.finish()
    }
}

import ArgumentParser
import ControlAPI

struct BFDCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bfd", abstract: "One row for each BFD session: state, times, and why it is down.")

    @OptionGroup var common: Common

    func run() throws { try common.console.show(.bfd) }
}

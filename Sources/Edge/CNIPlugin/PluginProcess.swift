import CLinux
import Glibc

/// The process around a plugin: environment, standard input and output, exit status.
package enum PluginProcess {
    /// More than any configuration with its prevResult; a bound against hostile input.
    package static let maximumInput = 1 << 20

    /// Runs `plugin` on this process's environment and standard input and ends the process.
    ///
    /// An ADD whose result nobody takes is undone: who called us was killed, and its DEL may have come and gone
    /// before we allocated anything.
    package static func main(_ plugin: some Plugin) -> Never {
        // A caller that does not take the result must give EPIPE and not end us before the rollback.
        signal(SIGPIPE, SIG_IGN)
        // The other variables are for delegates: reading them all would be a seventh of an ADD.
        var environment = environment(ofCNI: true)
        let input = StandardInput()
        func run() -> PluginOutput {
            plugin.run(
                PluginInput(environment: environment, isOwnNamespace: isOwnNamespace) { () throws(PluginError) in
                    try input.read()
                })
        }
        let output = run()
        Descriptor.write(Array(output.errors.utf8), to: 2)
        // There is nothing to be cleaned up on the way out that the kernel does not do faster.
        if Descriptor.write(Array(output.output.utf8), to: 1) { _exit(output.status) }
        if output.status == 0, environment["CNI_COMMAND"] == Command.add.rawValue {
            log("nobody takes the result: undoing ADD")
            environment["CNI_COMMAND"] = Command.del.rawValue
            _ = run()
        }
        exit(1)
    }

    /// One line for the operator; standard output belongs to the result.
    package static func log(_ text: String) { Descriptor.write(Array("martlet: \(text)\n".utf8), to: 2) }

    /// The variables of the specification (`CNI_...`), or all the others.
    static func environment(ofCNI: Bool) -> Variables {
        var result: Variables = [:]
        var index = 0
        while let text = clinux_environment(index) {
            index += 1
            guard (strncmp(text, "CNI_", 4) == 0) == ofCNI, let equals = strchr(text, 61) else { continue }
            let name = UnsafeRawBufferPointer(start: text, count: UnsafePointer(equals) - text)
            result[String(decoding: name, as: UTF8.self)] = String(cString: equals + 1)
        }
        return result
    }

    /// Same device and inode as our own namespace.
    private static func isOwnNamespace(_ path: String) -> Bool {
        var (own, other) = (stat(), stat())
        guard stat("/proc/self/ns/net", &own) == 0, stat(path, &other) == 0 else { return false }
        return own.st_dev == other.st_dev && own.st_ino == other.st_ino
    }
}

/// Standard input, read when it is first asked for and kept.
private final class StandardInput: @unchecked Sendable {
    // The process has one thread.
    private var bytes: [UInt8]?

    func read() throws(PluginError) -> [UInt8] {
        if let bytes { return bytes }
        let limit = PluginProcess.maximumInput
        let read: [UInt8]
        do { read = try Descriptor.readAll(0, limit: limit) } catch {
            throw PluginError(.inputOutput, "cannot read standard input", details: error.description)
        }
        guard read.count <= limit else {
            throw PluginError(.decoding, "the network configuration is larger than \(limit) bytes")
        }
        bytes = read
        return read
    }
}

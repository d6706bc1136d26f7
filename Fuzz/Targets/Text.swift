import CNIPlugin
import NodeAgent

/// JSON reads the same after it was written; results and configurations are taken apart as the plugins do.
func fuzzCNI(_ bytes: [UInt8]) {
    guard let tree = try? JSONValue(parsing: bytes) else { return }
    var written: [UInt8] = []
    tree.write(into: &written)
    mustHold((try? JSONValue(parsing: written)) == tree, "JSON reads differently after it was written")
    _ = try? AttachmentResult(tree)
    guard let config = try? NetworkConfig(bytes) else { return }
    _ = (config.ipam, config.stateDirectory, config.validAttachments)
    if let previous = config.prevResult, let result = try? AttachmentResult(previous) {
        _ = result.json(version: config.version)
    }
}

/// A configuration is good, or there is a problem with a place.
func fuzzConfiguration(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    let (configuration, problems) = Configuration.load(text: text, file: "fuzz", hostname: "node")
    mustHold(configuration != nil || !problems.isEmpty, "refused without a reason")
    mustHold(problems.allSatisfy { $0.line >= 1 && $0.column >= 1 }, "a problem without a place")
}

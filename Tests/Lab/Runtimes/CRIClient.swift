import Foundation
import NetTypes
import TestKit

/// The runtime refused a call of the CRI: what kubelet writes into the pod's events.
package struct CRIError: Error, CustomStringConvertible {
    package let method: String
    /// gRPC status code; 2 is "unknown", which containerd uses for everything of the CNI.
    package let code: Int
    package let message: String

    package var description: String { "\(method): code \(code): \(message)" }
}

/// A pod as kubelet orders it.
package struct PodOrder: Sendable {
    package var name: String
    package var namespace = "default"
    package var uid = "0b5e3c2a-0000-4000-8000-000000000001"
    /// Each try of kubelet has the next.
    package var attempt: UInt64 = 0
    /// Port of the node to port of the pod, TCP.
    package var ports: [UInt64: UInt64] = [:]
    package var annotations: [String: String] = [:]

    package init(_ name: String) { self.name = name }
}

/// What a runtime says of a pod.
package struct PodReport: Sendable {
    /// Ready: sandbox process and network are there.
    package let isReady: Bool
    /// The first is status.podIP; all are status.podIPs.
    package let addresses: [IPAddress]
    /// The runtime's own words (`crictl inspectp`).
    package let info: JSONValue
}

/// The part of kubelet that talks with a container runtime: CRI v1 over gRPC, which is HTTP/2 on a UNIX socket. `curl`
/// speaks HTTP/2; a gRPC message is five octets in front of a protocol buffer, and the status comes as trailers.
package struct CRIClient: Sendable {
    private let socket: String
    private let directory: String

    /// - Parameter directory: where requests and answers are put for curl.
    package init(socket: String, directory: String) {
        (self.socket, self.directory) = (socket, directory)
    }

    private func call(_ method: String, _ request: ProtocolBuffer, service: String = "RuntimeService") throws
        -> ProtocolFields
    {
        let file = "\(directory)/call-\(UInt64.random(in: 0 ... .max))"
        defer { for end in ["in", "out", "head"] { unlink("\(file).\(end)") } }
        let length = withUnsafeBytes(of: UInt32(request.bytes.count).bigEndian) { Array($0) }
        try Data([0] + length + request.bytes).write(to: URL(fileURLWithPath: "\(file).in"))
        try must([
            try requireProgram("curl", package: "curl"), "-sS", "--max-time", "60", "--http2-prior-knowledge",
            "--unix-socket", socket, "-H", "content-type: application/grpc", "-H", "te: trailers",
            "--data-binary", "@\(file).in", "-D", "\(file).head", "-o", "\(file).out",
            "http://localhost/runtime.v1.\(service)/\(method)",
        ])
        let head = try String(contentsOfFile: "\(file).head", encoding: .utf8)
        let code = Int(Self.field("grpc-status", head)) ?? -1
        guard code == 0 else {
            let text = Self.field("grpc-message", head)
            throw CRIError(method: method, code: code, message: text.removingPercentEncoding ?? text)
        }
        // A message without fields may come as no file at all.
        let answer = (try? Data(contentsOf: URL(fileURLWithPath: "\(file).out"))) ?? Data()
        return try ProtocolFields(answer.dropFirst(5))
    }

    private static func field(_ name: String, _ head: String) -> String {
        let lines = head.split(whereSeparator: \.isNewline)
        let line = lines.last { $0.hasPrefix("\(name):") }
        return line.map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) } ?? ""
    }

    private func id(_ id: String) -> ProtocolBuffer {
        var request = ProtocolBuffer()
        request.put(1, id)
        return request
    }

    /// Whether the runtime has an image.
    package func hasImage(_ name: String) throws -> Bool {
        var image = ProtocolBuffer()
        image.put(1, name)
        var request = ProtocolBuffer()
        request.put(1, image)
        return !(try call("ImageStatus", request, service: "ImageService").message(1).text(1).isEmpty)
    }

    /// Condition NetworkReady, which makes the node Ready; nil if it holds, else why not.
    package func networkProblem() throws -> String? {
        let conditions = try call("Status", ProtocolBuffer()).message(1).messages(1)
        guard let network = conditions.first(where: { $0.text(1) == "NetworkReady" }) else {
            throw LabError("no condition NetworkReady")
        }
        return network.number(2) == 1 ? nil : "\(network.text(3)): \(network.text(4))"
    }

    /// Makes a pod's sandbox and network; returns its id.
    package func runPod(_ order: PodOrder, controlGroup: String) throws -> String {
        var (metadata, linux, sandbox, request) =
            (ProtocolBuffer(), ProtocolBuffer(), ProtocolBuffer(), ProtocolBuffer())
        metadata.put(1, order.name)
        metadata.put(2, order.uid)
        metadata.put(3, order.namespace)
        metadata.put(4, order.attempt)
        linux.put(1, controlGroup)
        sandbox.put(1, metadata)
        sandbox.put(2, order.name)
        for (node, pod) in order.ports.sorted(by: { $0.key < $1.key }) {
            var mapping = ProtocolBuffer()
            mapping.put(2, pod)
            mapping.put(3, node)
            sandbox.put(5, mapping)
        }
        sandbox.put(7, order.annotations)
        sandbox.put(8, linux)
        request.put(1, sandbox)
        return try call("RunPodSandbox", request).text(1)
    }

    package func report(_ id: String) throws -> PodReport {
        var request = id.isEmpty ? ProtocolBuffer() : self.id(id)
        request.put(2, 1)
        let answer = try call("PodSandboxStatus", request)
        let status = try answer.message(1)
        let network = try status.message(5)
        let texts = try [network.text(1)] + network.messages(2).map { $0.text(1) }
        return PodReport(
            isReady: status.number(3) == 0, addresses: texts.compactMap { IPAddress($0) },
            info: try JSONValue(parsing: try answer.map(2)["info"] ?? "{}"))
    }

    /// Ends its processes and its network, any number of times.
    package func stopPod(_ id: String) throws { _ = try call("StopPodSandbox", self.id(id)) }

    /// Forgets it.
    package func removePod(_ id: String) throws { _ = try call("RemovePodSandbox", self.id(id)) }

    /// Ids of the pods that the runtime knows.
    package func pods() throws -> [String] {
        try call("ListPodSandbox", ProtocolBuffer()).messages(1).map { $0.text(1) }
    }
}

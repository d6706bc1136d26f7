import CNIPlugin
import Foundation
import NetTypes
import PodNetwork
import TestKit
import Testing

/// IPAM within the process against the executable: equal answers to the same calls, step by step.
struct InProcessTests {
    /// What a step came to; paths are written alike for both.
    enum Answer: Equatable {
        case result(AttachmentResult?)
        case error(PluginError)
    }

    /// A store and an agent's file of its own.
    final class Place {
        let directory = NSTemporaryDirectory() + "mlti\(getpid())x\(UInt32.random(in: 0...UInt32.max))"
        let inProcess: Bool

        init(inProcess: Bool) throws {
            self.inProcess = inProcess
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let state = #"{"schema":1,"name":"n","podCIDRs":["10.244.1.0/30","fd00:10:244:1::/64"],"mtu":1400,"pid":1}"#
            try state.write(toFile: "\(directory)/node.json", atomically: true, encoding: .utf8)
        }

        deinit { try? FileManager.default.removeItem(atPath: directory) }

        func call(_ step: Step, _ ipam: String) throws -> Answer {
            let text = """
                {"cniVersion":"\(step.version)","name":"net","stateDir":"\(directory)"\(step.more),
                 "ipam":{"type":"martlet-ipam","inProcess":\(inProcess)\(ipam)}}
                """
            let path = try (martletBinary("martlet-ipam") as NSString).deletingLastPathComponent
            let environment: Variables = [
                "CNI_COMMAND": step.command.rawValue, "CNI_CONTAINERID": step.id, "CNI_NETNS": "/none",
                "CNI_IFNAME": "eth0", "CNI_PATH": path, "CNI_ARGS": step.arguments,
            ]
            do throws(PluginError) {
                let request = try Request(
                    step.command, environment: environment, config: try NetworkConfig(Array(text.utf8)))
                let source = try PodIPAM(request)
                switch step.command {
                case .add: return .result(try source.allocate())
                case .check: try source.check()
                case .del: try source.release()
                case .status: try source.status()
                case .gc: try source.collect()
                case .version: break
                }
                return .result(nil)
            } catch {
                func alike(_ text: String) -> String {
                    text.replacingOccurrences(of: directory, with: "DIR").replacingOccurrences(
                        of: #""inProcess":\#(inProcess)"#, with: "WAY")
                }
                return .error(PluginError(error.code, alike(error.message), details: alike(error.details)))
            }
        }

        var files: Set<String> {
            Set((try? FileManager.default.subpathsOfDirectory(atPath: directory)) ?? [])
        }
    }

    struct Step {
        var command = Command.add
        var id = "c1"
        var version = "1.1.0"
        var arguments = ""
        var more = ""
        /// What the step must come to, so that two equal failures do not pass for success.
        var code: PluginErrorCode?
    }

    static let usePodCIDR = #","subnet":"usePodCidr""#

    /// What a pod's annotation asks for.
    static func annotation(_ text: String) -> String {
        #","runtimeConfig":{"io.kubernetes.cri.pod-annotations":{"martlet.dev/ips":"\#(text)"}}"#
    }

    static let sequences: [(ipam: String, steps: [Step])] = [
        (
            usePodCIDR,
            [
                Step(command: .status), Step(), Step(command: .check), Step(code: .duplicateAllocation),
                Step(id: "c2", code: .tryAgainLater), Step(command: .status, code: .notAvailable),
                Step(command: .check, id: "c2", code: .checkFailed), Step(command: .del), Step(command: .del),
                Step(id: "c2"), Step(command: .gc, more: #","cni.dev/valid-attachments":[]"#), Step(id: "c3"),
            ]
        ),
        (
            #","ranges":[[{"subnet":"10.7.0.0/24"}],[{"subnet":"2001:db8::/64"}]],"routes":[{"dst":"10.0.0.0/8","mtu":9}]"#,
            [
                Step(version: "0.4.0"), Step(id: "c2", version: "1.0.0"),
                Step(id: "c3", arguments: "IP=10.7.0.77", more: #","dns":{"nameservers":["10.96.0.10"]}"#),
                Step(id: "c4", arguments: "IP=10.7.0.77", code: .addressInUse),
                Step(id: "c5", arguments: "IP=10.8.0.1", code: .invalidConfig),
                Step(id: "c6", arguments: "IP=nonsense", code: .invalidConfig),
                Step(id: "c7", version: "0.3.1", more: #","runtimeConfig":{"ips":["10.7.0.9"]}"#),
                Step(
                    command: .check, more: #","prevResult":{"cniVersion":"1.1.0","ips":[{"address":"10.9.0.1/24"}]}"#,
                    code: .checkFailed),
                Step(command: .gc, more: #","cni.dev/attachments":[{"containerID":"c2","ifname":"eth0"}]"#),
                Step(command: .check, id: "c2"), Step(command: .check, code: .checkFailed),
            ]
        ),
        (
            #","subnet":"10.7.0.0/29","reserved":["10.7.0.3","10.7.0.4/31"],"cooldown":"1h","cooldownRequired":true"#,
            [
                Step(), Step(id: "c2"), Step(id: "c3", code: .tryAgainLater), Step(command: .del),
                // The one that is left rests.
                Step(id: "c3", code: .tryAgainLater), Step(id: "c4", arguments: "IP=10.7.0.3", code: .invalidConfig),
                Step(
                    id: "c5",
                    more: annotation("10.7.0.2")
                ),
                Step(
                    id: "c6",
                    more: annotation("x"),
                    code: .invalidConfig),
            ]
        ),
        (#","subnet":"10.7.0.0/24","cooldown":"soon""#, [Step(code: .invalidConfig), Step(command: .del)]),
        (#","subnet":"10.7.0.0/24","cooldownRequired":1"#, [Step(code: .invalidConfig)]),
        (#","subnet":"10.7.0.0/24","reserved":["10.7.0.9-10.7.0.1"]"#, [Step(code: .invalidConfig)]),
        (#","subnet":"10.7.0.0/33""#, [Step(code: .invalidConfig), Step(command: .del)]),
        (#","ranges":[[]]"#, [Step(code: .invalidConfig)]),
        ("", [Step(code: .invalidConfig), Step(command: .status, code: .notAvailable)]),
        (#","subnet":"10.7.0.0/24","routes":[{"dst":"x"}]"#, [Step(code: .invalidConfig), Step(command: .del)]),
        (#","subnet":"usePodCidr","stateDir":"/nonexistent""#, [Step(code: .tryAgainLater), Step(command: .del)]),
        (#","subnet":"10.7.0.0/24","dataDir":"/proc/version""#, [Step(code: .inputOutput)]),
    ]

    @Test(arguments: sequences.indices)
    func `both ways of calling our IPAM answer alike and leave the same files`(index: Int) throws {
        let (ipam, steps) = Self.sequences[index]
        let (within, executed) = (try Place(inProcess: true), try Place(inProcess: false))
        for (number, step) in steps.enumerated() {
            let answers = (try within.call(step, ipam), try executed.call(step, ipam))
            #expect(answers.0 == answers.1, "step \(number)")
            switch answers.0 {
            case .result(let result):
                #expect(step.code == nil, "step \(number)")
                #expect((result != nil) == (step.command == .add), "step \(number)")
            case .error(let error): #expect(error.code == step.code, "step \(number): \(error)")
            }
            #expect(within.files == executed.files, "step \(number)")
        }
    }

    @Test func `only our own IPAM is called within the process`() throws {
        func way(_ ipam: String) throws -> String {
            let config = try NetworkConfig(Array(#"{"cniVersion":"1.1.0","name":"net","ipam":\#(ipam)}"#.utf8))
            let environment: Variables = ["CNI_CONTAINERID": "c1", "CNI_IFNAME": "eth0", "CNI_PATH": "/nonexistent"]
            do throws(PluginError) {
                _ = try PodIPAM(try Request(.add, environment: environment, config: config))
                return "within"
            } catch {
                return "\(error.code.rawValue)"
            }
        }
        #expect(try way(#"{"type":"martlet-ipam"}"#) == "within")
        #expect(try way(#"{"type":"martlet-ipam","inProcess":true}"#) == "within")
        #expect(try way(#"{"type":"martlet-ipam","inProcess":false}"#) == "5")
        #expect(try way(#"{"type":"host-local"}"#) == "5")
        #expect(try way("{}") == "7")
    }
}

// swift-tools-version: 6.2
// The table of the house (ARCHITECTURE.md draws it): arrows point down, SwiftPM refuses a cycle, TidyTests check the
// imports.

import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
]

/// A pure target: structs and enums that import nothing outside Core.
func core(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Core/\(name)", swiftSettings: settings)
}

/// A target that owns one outside thing: a socket, the kernel, a process, a file.
func edge(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Edge/\(name)", swiftSettings: settings)
}

/// A program: arguments and `main`.
func tool(_ name: String, _ dependencies: [Target.Dependency], linking: [LinkerSetting] = []) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, path: "Sources/Tools/\(name)", swiftSettings: settings,
        linkerSettings: linking)
}

/// `make build` links the agent statically, and so that the kernel may put it anywhere: the network talks to it.
let staticAgent: [LinkerSetting] =
    Context.environment["MARTLET_STATIC_AGENT"] == nil ? [] : [.unsafeFlags(["-Xclang-linker", "-static-pie"])]

/// A C library found by pkg-config.
func system(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, path: "Sources/C/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

/// A test target that mirrors one of Sources.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: settings)
}

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
    name: "martlet",
    products: [
        .executable(name: "martletd", targets: ["martletd"]),
        .executable(name: "martlet", targets: ["martlet"]),
        .executable(name: "martlet-ipam", targets: ["martlet-ipam"]),
        .executable(name: "martletctl", targets: ["martletctl"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        // C
        system("CNetlink", pkgConfig: "libnl-route-3.0", apt: "libnl-route-3-dev"),
        system("COpenSSL", pkgConfig: "openssl", apt: "libssl-dev"),
        system("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        system("CMicroHTTPD", pkgConfig: "libmicrohttpd", apt: "libmicrohttpd-dev"),
        system("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
        .target(name: "CLinux", path: "Sources/C/CLinux"),
        .target(name: "CPlainStart", path: "Sources/C/CPlainStart"),

        // Core
        core("NetTypes"),
        core("BGPWire", ["NetTypes"]),
        core("BGPSession", ["BGPWire", "NetTypes"]),
        core("BGPCapture", ["BGPSession", "BGPWire", "NetTypes"]),
        core("RoutePolicy", ["BGPWire", "NetTypes"]),
        core("RIB", ["RoutePolicy", "BGPWire", "NetTypes"]),
        core("BGPSpeaker", ["BGPSession", "RIB", "RoutePolicy", "BGPWire", "NetTypes"]),
        core("FIB", ["NetTypes"]),
        core("NeighborDiscovery", ["NetTypes"]),
        core("BFD", ["NetTypes"]),
        core("PodWiring", ["NetTypes"]),
        core("IPAM", ["NetTypes"]),

        // Edge
        edge("DispatchIO", ["NetTypes", "CLinux"]),
        edge("BFDSocket", ["BFD", "DispatchIO", "NetTypes", "COpenSSL", "CLinux"]),
        edge("Netlink", ["FIB", "PodWiring", "NetTypes", "CNetlink", "CLinux"]),
        edge("CNIPlugin", ["PodWiring", "IPAM", "NetTypes", "CLinux"]),
        edge("AddressStore", ["IPAM", "NetTypes", "CLinux"]),
        edge("AddressAudit", ["AddressStore", "Netlink", "PodWiring", "IPAM", "NetTypes"]),
        edge("ControlAPI", ["NetTypes", "DispatchIO", "CMicroHTTPD", "CLinux"]),
        edge("AgentClient", ["ControlAPI", "CCurl", "COpenSSL"]),
        edge("PodAddresses", ["CNIPlugin", "AddressStore", "IPAM", "NetTypes"]),
        edge("CNIInstaller", ["CNIPlugin", "CLinux"]),
        edge("Nftables", ["CNIPlugin", "PodWiring", "NetTypes", "CLinux"]),
        edge("PodNetwork", ["PodAddresses", "CNIPlugin", "Netlink", "Nftables", "PodWiring", "CLinux"]),
        edge(
            "NodeAgent",
            [
                "BGPSpeaker", "BGPSession", "BGPCapture", "RIB", "RoutePolicy", "BGPWire", "FIB", "BFD", "BFDSocket",
                "NeighborDiscovery", "NetTypes", "PodWiring", "IPAM", "AddressStore", "AddressAudit", "Nftables",
                "DispatchIO", "Netlink", "ControlAPI", "CNIInstaller", "CYAML", "CLinux", logging,
            ]),

        // Tools
        tool(
            "martletd", ["NodeAgent", "CNIInstaller", "NetTypes", argumentParser, logging], linking: staticAgent),
        tool("martlet", ["PodNetwork", "CNIPlugin", "CPlainStart"]),
        tool("martlet-ipam", ["PodAddresses", "CNIPlugin", "CPlainStart"]),
        tool(
            "martletctl",
            [
                "AgentClient", "ControlAPI", "BGPCapture", "AddressAudit", "AddressStore", "CNIPlugin", "IPAM",
                "NetTypes", argumentParser,
            ]),

        // Tests
        tests("NetTypesTests", ["NetTypes", "TestKit"]),
        tests("BGPWireTests", ["BGPWire", "NetTypes", "TestKit"]),
        tests("BGPSessionTests", ["BGPSession", "BGPWire", "NetTypes"]),
        tests("BGPCaptureTests", ["BGPCapture", "BGPSession", "BGPWire", "NetTypes", "TestKit"]),
        tests("RoutePolicyTests", ["RoutePolicy", "BGPWire", "NetTypes", "TestKit"]),
        tests("RIBTests", ["RIB", "RoutePolicy", "BGPWire", "NetTypes", "TestKit"]),
        tests(
            "BGPSpeakerTests", ["BGPSpeaker", "BGPSession", "RIB", "RoutePolicy", "BGPWire", "NetTypes", "TestKit"]),
        tests("DispatchIOTests", ["DispatchIO", "NetTypes"]),
        tests("FIBTests", ["FIB", "NetTypes"]),
        tests("NeighborDiscoveryTests", ["NeighborDiscovery", "NetTypes"]),
        tests("BFDTests", ["BFD", "NetTypes", "TestKit"]),
        tests("BFDSocketTests", ["BFDSocket", "BFD", "DispatchIO", "NetTypes", "TestKit"]),
        tests("PodWiringTests", ["PodWiring", "NetTypes"]),
        tests("IPAMTests", ["IPAM", "NetTypes"]),
        tests("AddressAuditTests", ["AddressAudit", "AddressStore", "IPAM", "PodWiring", "NetTypes", "TestKit"]),
        tests("AddressStoreTests", ["AddressStore", "IPAM", "NetTypes"]),
        tests("CNIPluginTests", ["CNIPlugin", "PodWiring", "NetTypes"]),
        tests("CNIInstallerTests", ["CNIInstaller", "CNIPlugin", "TestKit"]),
        tests("PodAddressesTests", ["PodAddresses", "CNIPlugin", "NetTypes"]),
        tests("NftablesTests", ["Nftables", "CNIPlugin", "PodWiring", "NetTypes"]),
        tests("PodNetworkTests", ["PodNetwork", "CNIPlugin", "NetTypes", "TestKit"]),
        tests("NetlinkTests", ["Netlink", "FIB", "PodWiring", "NetTypes", "TestKit"]),
        .testTarget(
            name: "ControlAPITests",
            dependencies: ["AgentClient", "ControlAPI", "martletctl", "DispatchIO", "NetTypes", "TestKit"],
            path: "Tests/ControlAPITests", exclude: ["Golden"], swiftSettings: settings),
        tests(
            "NodeAgentTests",
            [
                "NodeAgent", "BGPSpeaker", "BGPSession", "BGPCapture", "RIB", "RoutePolicy", "BGPWire", "FIB", "BFD",
                "BFDSocket", "PodWiring", "IPAM", "AddressStore", "DispatchIO", "NetTypes", "AgentClient", "ControlAPI",
                "CLinux", "TestKit", logging,
            ]),
        tests("TidyTests", ["TestKit"]),
        tests("AgentClientTests", ["AgentClient", "ControlAPI", "TestKit"]),
        tests("PluginTests", ["CNIPlugin", "CLinux", "TestKit", "NetTypes"]),
        tests("InteropTests", ["Lab", "TestKit", "BGPWire", "NetTypes"]),

        tests("FuzzTests", ["FuzzTargets", "TestKit"]),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "BGPSpeaker", "BGPSession", "BGPCapture", "RIB", "BGPWire", "BFD", "CNIPlugin", "IPAM",
                "NeighborDiscovery",
                "NetTypes", "Nftables", "NodeAgent", "PodWiring",
            ],
            path: "Fuzz/Targets", swiftSettings: settings),

        // What the tests share: files of fixtures and processes (TestKit), racks of network namespaces (Lab); the demo
        // is a rack.
        .target(name: "TestKit", dependencies: ["NetTypes", "CLinux"], path: "Tests/TestKit", swiftSettings: settings),
        .target(
            name: "Lab", dependencies: ["TestKit", "BGPWire", "NetTypes", "CLinux"], path: "Tests/Lab",
            swiftSettings: settings),
        .executableTarget(
            name: "demo", dependencies: ["Lab", "TestKit", "NetTypes"], path: "Tests/Demo", swiftSettings: settings),
    ]
)

// `main` is libFuzzer's, which only scripts/fuzz links: `swift build --sanitize=fuzzer`.
if Context.environment["MARTLET_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzTargets"], path: "Fuzz/Driver",
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
}

// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

/// Every Swift target is built the same way; a dependency that is not declared here cannot be imported
/// (`scripts/check` builds with `--explicit-target-dependency-import-check error`).
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .strictMemorySafety(),
    // Every debug build, and so every test, checks that accesses to one value do not overlap. The checks cost a
    // tenth of the time a hit takes, so that release builds rely on what the tests have shown.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "larder",
    products: [
        .executable(name: "larder", targets: ["larder"]),
        .executable(name: "larder-bench", targets: ["larder-bench"]),
    ],
    targets: [
        // From the ground up; every import points up this list.
        .target(name: "CLinux"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CBrotli", providers: [.apt(["libbrotli-dev"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        module("Bytes"),
        module("HTTPMessages", ["Bytes"]),
        module("CacheRules", ["Bytes", "HTTPMessages"]),
        module("ConfigLanguage", ["Bytes"]),
        module("Settings", ["Bytes", "ConfigLanguage"]),
        module("RequestFlow", ["Bytes", "HTTPMessages", "CacheRules", "Settings"]),
        module("HTTPWire", ["Bytes", "HTTPMessages"]),
        module("EventIO", ["Bytes", "CLinux"]),
        .target(
            name: "Compression", dependencies: ["Bytes", "HTTPMessages", "CZlib", "CBrotli"], swiftSettings: strict,
            // The archives, so that what is built runs where these libraries are not installed.
            linkerSettings: [":libz.a", ":libbrotlienc.a", ":libbrotlidec.a", ":libbrotlicommon.a"].map {
                .linkedLibrary($0)
            }),
        .target(
            name: "Redis", dependencies: ["Bytes", "EventIO", "CHiredis"], swiftSettings: strict,
            linkerSettings: [.linkedLibrary(":libhiredis.a")]),
        module("Storage", ["Bytes", "HTTPMessages", "CacheRules", "CLinux"]),
        module("Nodes", ["Bytes", "Storage"]),
        module("Upstreams", ["Bytes", "Settings"]),
        module("Telemetry", ["Bytes", "HTTPMessages", "CacheRules"]),
        module(
            "Server",
            [
                "Bytes", "HTTPMessages", "CacheRules", "ConfigLanguage", "Settings", "RequestFlow", "HTTPWire",
                "EventIO",
                "Storage", "Nodes", "Redis", "Upstreams", "Telemetry", "Compression", "COpenSSL",
            ]),
        .executableTarget(
            name: "larder", dependencies: ["ConfigLanguage", "Settings", "EventIO", "Telemetry", "Server"],
            swiftSettings: strict),
        .executableTarget(
            name: "larder-bench", dependencies: ["Bytes", "HTTPMessages", "CacheRules", "Storage"],
            swiftSettings: strict),

        .target(
            name: "TestKit", dependencies: ["Bytes", "EventIO"], path: "Tests/TestKit",
            swiftSettings: strict),
        .target(name: "PlainCache", path: "Tests/PlainCache", swiftSettings: strict),
        .target(
            name: "FuzzProperties",
            dependencies: [
                "Bytes", "HTTPMessages", "CacheRules", "ConfigLanguage", "Settings", "HTTPWire", "Redis", "Storage",
                "PlainCache",
            ],
            path: "Tests/Fuzz/Properties", swiftSettings: strict),
        tests("BytesTests", ["Bytes"]),
        tests("HTTPMessagesTests", ["Bytes", "HTTPMessages"]),
        tests("CacheRulesTests", ["Bytes", "HTTPMessages", "CacheRules", "PlainCache", "FuzzProperties"]),
        tests("ConfigLanguageTests", ["Bytes", "ConfigLanguage"]),
        tests("SettingsTests", ["Bytes", "ConfigLanguage", "Settings", "FuzzProperties"]),
        tests("LarderTests", ["ConfigLanguage", "Settings", "larder"]),
        tests("RequestFlowTests", ["Bytes", "HTTPMessages", "CacheRules", "Settings", "RequestFlow"]),
        tests("HTTPWireTests", ["Bytes", "HTTPMessages", "HTTPWire", "TestKit", "FuzzProperties"]),
        tests("EventIOTests", ["Bytes", "EventIO", "TestKit"]),
        tests("CompressionTests", ["Bytes", "HTTPMessages", "Compression", "TestKit"]),
        tests("RedisTests", ["Bytes", "EventIO", "Redis", "TestKit", "FuzzProperties"]),
        tests("StorageTests", ["Bytes", "HTTPMessages", "CacheRules", "Storage", "larder-bench", "FuzzProperties"]),
        tests("NodesTests", ["Bytes", "Storage", "Nodes"]),
        tests("UpstreamsTests", ["Bytes", "Settings", "Upstreams"]),
        tests(
            "ServerTests",
            [
                "Bytes", "HTTPMessages", "CacheRules", "ConfigLanguage", "Settings", "RequestFlow", "HTTPWire",
                "EventIO",
                "Nodes", "Redis", "Storage", "Upstreams", "Telemetry", "Compression", "Server", "TestKit", "PlainCache",
            ]),
        tests(
            "SimulationTests",
            [
                "Bytes", "ConfigLanguage", "EventIO", "HTTPMessages", "HTTPWire", "RequestFlow", "Settings", "Storage",
                "Server", "TestKit",
            ]),
        tests("TelemetryTests", ["Bytes", "HTTPMessages", "CacheRules", "Telemetry"]),
    ]
)

/// Fuzzers need flags that no other build wants; `scripts/fuzz` sets the variable.
func fuzzer(_ name: String, folder: String) -> Target {
    .executableTarget(
        name: "fuzz-\(name)", dependencies: ["FuzzProperties"], path: "Tests/Fuzz/\(folder)",
        swiftSettings: strict, linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])])
}

if Context.environment["LARDER_FUZZ"] != nil {
    package.targets += [
        fuzzer("request", folder: "Request"),
        fuzzer("response", folder: "Response"),
        fuzzer("chunked", folder: "Chunked"),
        fuzzer("glob", folder: "Glob"),
        fuzzer("resp", folder: "RESP"),
        fuzzer("record", folder: "Record"),
        fuzzer("cache-headers", folder: "CacheHeaders"),
        fuzzer("config", folder: "Config"),
    ]
}

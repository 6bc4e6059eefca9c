// swift-tools-version: 6.2
import PackageDescription

// Takes the place of the C library's, in the programs that people run (docs/decisions/0090). Not in debug builds, which
// the sanitizers watch by allocators of their own.
let allocator: [LinkerSetting] = [.linkedLibrary("mimalloc", .when(platforms: [.linux], configuration: .release))]

// The manifest is the architecture diagram: a target imports only what stands above it in this list.
let package = Package(
  name: "moondance",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(url: "https://github.com/apple/swift-algorithms", from: "1.2.1"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    .systemLibrary(name: "CLua", pkgConfig: "lua5.4", providers: [.apt(["liblua5.4-dev"])]),
    .target(
      name: "CBytes",
      cxxSettings: [.unsafeFlags(["-fno-exceptions", "-fno-rtti"])],
      linkerSettings: [.linkedLibrary("isal"), .linkedLibrary("crypto"), .linkedLibrary("simdjson")]),
    .target(name: "Events", dependencies: ["CBytes"]),
    .target(name: "Platform", dependencies: ["Events"]),
    .target(name: "VirtualPlatform", dependencies: ["Platform"]),
    .target(
      name: "CLuaHost", dependencies: ["CLua"],
      cxxSettings: [.unsafeFlags(["-fno-exceptions", "-fno-rtti"])],
      linkerSettings: [.linkedLibrary("simdjson")]),
    .target(name: "LuaRuntime", dependencies: ["CLuaHost", "CLua", "Events"]),
    .target(
      name: "LogStorage",
      dependencies: ["Platform", "Events", "CBytes", .product(name: "Algorithms", package: "swift-algorithms")]),
    .target(
      name: "Scripts", dependencies: ["LuaRuntime", "Events", "CBytes"],
      resources: [.embedInCode("Prelude")]),
    .target(name: "Metering", dependencies: [.product(name: "CoreMetrics", package: "swift-metrics")]),
    .target(
      name: "Engine",
      dependencies: [
        "Scripts", "LogStorage", "Platform", "Metering", "Events",
        .product(name: "Algorithms", package: "swift-algorithms"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "HeapModule", package: "swift-collections"),
      ]),
    .target(
      name: "Views",
      dependencies: [
        "Scripts", "LogStorage", "Platform", "Events",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ]),
    .target(
      name: "Rehearsal",
      dependencies: ["Views", "Engine", "Scripts", "LogStorage", "VirtualPlatform", "Platform", "Events"]),
    .target(name: "Wire"),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .target(name: "Client", dependencies: ["Wire", "CCurl"]),
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CNATS", pkgConfig: "libnats", providers: [.apt(["libnats-dev"])]),
    .target(
      name: "Delivery",
      dependencies: [
        "Engine", "Scripts", "LogStorage", "Platform", "Events", "CBytes", "CCurl", "CPostgres", "CNATS",
      ]),
    .target(
      name: "HTTPAPI",
      dependencies: [
        "Engine", "Scripts", "Wire", "Events", "LogStorage", "Platform", "Metering",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),
    .target(
      name: "Daemon",
      dependencies: [
        "HTTPAPI", "Delivery", "Views", "Engine", "Scripts", "LogStorage", "Platform", "Metering", "Events", "Wire",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),
    .target(
      name: "Benchmarks",
      dependencies: [
        "Views", "Engine", "Scripts", "LogStorage", "VirtualPlatform", "Platform", "Events",
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ]),
    .target(
      name: "Command",
      dependencies: [
        "Daemon", "Client", "Wire", "Benchmarks", "Rehearsal", "LogStorage", "Scripts", "Platform", "Events",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(name: "moondance", dependencies: ["Command"], linkerSettings: allocator),
    .executableTarget(name: "instructions", dependencies: ["Benchmarks"], linkerSettings: allocator),

    .target(name: "CThreadSanitizer", path: "Tests/CThreadSanitizer"),
    .target(
      name: "TestKit", dependencies: ["VirtualPlatform", "Platform", "LogStorage", "Events", "CThreadSanitizer"],
      path: "Tests/TestKit"),
    .target(
      name: "CTLSServer", path: "Tests/CTLSServer",
      linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
    .target(name: "ServerKit", dependencies: ["CNATS", "CTLSServer", "Platform", "TestKit"], path: "Tests/ServerKit"),
    .testTarget(name: "CloudEventsTests", dependencies: ["Events", "CBytes", "TestKit"]),
    .testTarget(name: "PlatformTests", dependencies: ["Platform", "TestKit"]),
    .testTarget(
      name: "MeteringTests", dependencies: ["Metering", .product(name: "CoreMetrics", package: "swift-metrics")]),
    .testTarget(name: "LogStorageTests", dependencies: ["LogStorage", "Platform", "Events", "TestKit"]),
    .testTarget(
      name: "LuaRuntimeTests", dependencies: ["LuaRuntime", "Events", "CLuaHost", "CLua", "CBytes", "TestKit"],
      resources: [.copy("Resources")]),
    .testTarget(name: "ScriptsTests", dependencies: ["Scripts", "LuaRuntime", "Events", "TestKit"]),
    .testTarget(
      name: "EngineTests",
      dependencies: [
        "Engine", "Scripts", "LogStorage", "Platform", "Metering", "Events", "TestKit",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "HeapModule", package: "swift-collections"),
      ]),
    .testTarget(
      name: "ViewsTests",
      dependencies: ["Views", "Engine", "Scripts", "LogStorage", "Platform", "Events", "TestKit"]),
    .testTarget(
      name: "DeliveryTests",
      dependencies: [
        "Delivery", "Engine", "Scripts", "LogStorage", "Platform", "Events", "ServerKit", "TestKit",
      ]),
    .testTarget(
      name: "HTTPAPITests",
      dependencies: [
        "HTTPAPI", "Engine", "Scripts", "Events", "Wire", "LogStorage", "Metering", "TestKit",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),
    .testTarget(name: "BenchmarksTests", dependencies: ["Benchmarks"]),
    .testTarget(name: "RehearsalTests", dependencies: ["Rehearsal", "Scripts", "Events"]),
    .testTarget(name: "ClientTests", dependencies: ["Client", "Wire", "TestKit"]),
    .testTarget(
      name: "CommandTests",
      dependencies: ["Command", "Client", "Wire", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
    .testTarget(name: "Acceptance", dependencies: ["ServerKit", "TestKit"]),
    .target(
      name: "Simulation",
      dependencies: ["Engine", "Scripts", "LuaRuntime", "LogStorage", "Platform", "Events", "TestKit"],
      path: "Tests/Simulation"),
    .executableTarget(
      name: "simulate",
      dependencies: [
        "Simulation", "Platform", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Tests/SimulateCommand"),
    .testTarget(name: "SimulationTests", dependencies: ["TestKit"], exclude: ["failed-seeds.txt"]),
  ],
  cxxLanguageStandard: .cxx17
)

let cTargets: Set = ["CLua", "CBytes", "CLuaHost", "CCurl", "CPostgres", "CNATS", "CThreadSanitizer", "CTLSServer"]
for target in package.targets where !cTargets.contains(target.name) {
  target.swiftSettings = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    // Debug builds, in which the tests run, check every access for exclusiveness; a call of a handler would spend a
    // tenth of its time on it.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ]
}

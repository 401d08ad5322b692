// SPDX-License-Identifier: Apache-2.0
import CacheRules
import HTTPMessages
import Testing

@testable import Server

/// What is remembered of Accept-Encoding decides as if it had been read anew.
@Suite struct PreferenceMemoryTests {
    private static let values: [[String]] = [
        ["gzip"], ["gzip"], ["br, gzip"], [], ["gzip"], ["gzip", "br"], ["br;q=0.1, gzip;q=0.5"], [""], ["*;q=0"],
        ["gzip, deflate, br, zstd"], ["gzip, deflate, br, zstd"],
    ]

    private func fields(_ values: [String]) -> Fields {
        var fields = Fields()
        fields.append("Host", "a")
        for value in values { fields.append("Accept-Encoding", value) }
        return fields
    }

    @Test func itChoosesAsTheRouteWould() {
        let routes = [
            CompressionPolicy(codings: [.brotli, .gzip]), CompressionPolicy(codings: [.gzip, .brotli]),
            CompressionPolicy(codings: [.deflate]),
        ]
        var memory = PreferenceMemory()
        for (turn, values) in (Self.values + Self.values.reversed()).enumerated() {
            // Twice with the same route, then with another.
            let route = routes[turn / 2 % routes.count]
            let fields = fields(values)
            let expected = route.choice(
                for: CodingPreferences(fields), stored: .identity, isCompressible: true)
            #expect(memory.choice(for: fields, route) == expected, "\(values)")
            #expect(memory.read(fields) == CodingPreferences(fields), "\(values)")
            #expect(memory.choice(for: fields, route) == expected, "\(values)")
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import Settings

extension CompressionPolicy {
    convenience init(_ settings: CompressionSettings) {
        let codings = settings.codings.map(ContentCoding.init)
        self.init(
            codings: codings, minimumByteCount: settings.minimumBytes, types: settings.types.map(Self.glob),
            excludedPaths: settings.excluded.map(Self.glob), optOutField: settings.optOutField ?? "",
            upstreamCodings: settings.upstream == .coded ? codings : [], climbsAfter: UInt32(settings.climbsAfter))
    }

    private static func glob(_ pattern: String) -> Glob {
        do throws(GlobError) {
            return try Glob(pattern)
        } catch {
            preconditionFailure("a pattern that the settings have checked is none")
        }
    }
}

extension ContentCoding {
    init(_ coding: CompressionSettings.Coding) {
        switch coding {
        case .brotli: self = .brotli
        case .gzip: self = .gzip
        case .deflate: self = .deflate
        }
    }
}

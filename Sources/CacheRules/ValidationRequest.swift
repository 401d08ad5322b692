// SPDX-License-Identifier: Apache-2.0
package import HTTPMessages

/// The request that fetches or validates on behalf of the cache (RFC 9111 §4.3.1).
package enum ValidationRequest {
    package struct Conditions: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Send the stored ETag, byte for byte.
        package static let ifNoneMatch = Conditions(rawValue: 1 << 0)
        /// Send the stored Last-Modified, byte for byte.
        package static let ifModifiedSince = Conditions(rawValue: 1 << 1)
    }

    /// Both validators where there are both (RFC 9110 §13.1.3); none makes it a plain fetch.
    package static func conditions(for metadata: CachedMetadata) -> Conditions {
        var conditions: Conditions = []
        if !metadata.flags.isDisjoint(with: [.hasStrongETag, .hasWeakETag]) { conditions.insert(.ifNoneMatch) }
        if metadata.flags.contains(.hasLastModified) { conditions.insert(.ifModifiedSince) }
        return conditions
    }

    /// The client's own lines that are left out of a fetch whose answer is to be stored: the answer must be whole, for
    /// all who wait for it, and the client's condition is evaluated against it afterwards.
    package static var replacedFields: FieldNameSet {
        FieldNameSet(.ifNoneMatch).with(.ifModifiedSince).with(.ifRange).with(.range)
    }
}

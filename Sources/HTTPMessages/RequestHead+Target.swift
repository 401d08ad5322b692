// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// One reading of the target, which route, key, log and origin share: two spellings of one path cannot be taken by one
/// route and answered by another's rules.
extension RequestHead {
    /// Whether the target is in origin-form and comes out of `normalizeTarget` as it is.
    @inlinable @inline(__always)
    package var hasNormalTarget: Bool { hasPlainTarget || isNormalTarget }

    @usableFromInline
    var isNormalTarget: Bool {
        guard authorityRange == nil else { return method == .connect }
        if let query, query.firstNotURI(in: 0..<query.count) < query.count { return false }
        return NormalizedPath.isNormal(path)
    }

    /// Replaces the target by its normal form, in origin-form; the authority of absolute-form stays beside it. In a query
    /// only what no URI may hold is escaped: what its escapes mean is the origin's business.
    package mutating func normalizeTarget(scratch: inout ByteBuffer) throws(PercentEncoding.Flaw) {
        guard !pathRange.isEmpty else { return }
        if path.equals("*") {
            targetRange = pathRange
            return
        }
        if let flaw = PercentEncoding.flaw(in: path) { throw flaw }
        scratch.clear()
        NormalizedPath.write(path, into: &scratch)
        let pathCount = scratch.count
        if let query {
            scratch.append(ASCII.questionMark)
            PercentEncoding.writeEscaped(query, into: &scratch)
        }
        hasPlainTarget = false
        targetRange = fields.appendText(scratch.span)
        pathRange = targetRange.lowerBound..<targetRange.lowerBound + pathCount
        if queryRange != nil { queryRange = pathRange.upperBound + 1..<targetRange.upperBound }
    }
}

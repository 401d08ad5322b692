// SPDX-License-Identifier: Apache-2.0
import HTTPMessages

/// What can be asked of the admin address.
enum AdminCall: CaseIterable, Sendable {
    case health, live, ready
    case performance, resetPerformance, metrics
    case invalidate, invalidations, nodes
    case reload

    var path: String {
        switch self {
        case .health: "/health"
        case .live: "/health/live"
        case .ready: "/health/ready"
        case .performance: "/performance"
        case .resetPerformance: "/performance/reset"
        case .metrics: "/metrics"
        case .invalidate: "/invalidate"
        case .invalidations: "/invalidations"
        case .nodes: "/nodes"
        case .reload: "/reload"
        }
    }

    var isPost: Bool {
        switch self {
        case .resetPerformance, .invalidate, .reload: true
        default: false
        }
    }

    /// What a load balancer asks, which has no token.
    var needsToken: Bool {
        switch self {
        case .health, .live, .ready: false
        default: true
        }
    }

    /// HEAD asks for what GET answers (RFC 9110 §9.3.2).
    func takes(_ method: Method) -> Bool { isPost ? method == .post : method == .get || method == .head }

    var allowed: StaticString { isPost ? "POST" : "GET, HEAD" }

    static func find(path: String) -> AdminCall? { allCases.first { $0.path == path } }

    /// For a path that is none.
    static func unknown(_ path: String) -> AdminError {
        let known = allCases.map { "\($0.isPost ? "POST" : "GET") \($0.path)" }.joined(separator: ", ")
        return AdminError(status: 404, "unknown_path", "there is no \(path); there are \(known)")
    }
}

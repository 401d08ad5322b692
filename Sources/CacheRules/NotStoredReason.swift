// SPDX-License-Identifier: Apache-2.0

/// Why a response was not stored. Labels are stable: they appear in Cache-Status, logs and metrics.
package enum NotStoredReason: UInt8, CaseIterable, Sendable {
    case method, status, noStore, `private`, authorization, setCookie, varyStar, noLifetime, expired, noCache
    case partial, requestNoStore, tooLarge, invalidated, tooManyTags, route, incomplete
    case storeFull, superseded, requestTooLarge, damaged
    /// The request was kept from the store for a reason of its own.
    case requestSpecific
    /// The status judges the form of the request.
    case requestForm
    case eventStream

    package var label: StaticString {
        switch self {
        case .method: "method"
        case .status: "status"
        case .noStore: "no-store"
        case .private: "private"
        case .authorization: "authorization"
        case .setCookie: "set-cookie"
        case .varyStar: "vary-star"
        case .noLifetime: "no-lifetime"
        case .expired: "expired"
        case .noCache: "no-cache"
        case .partial: "partial"
        case .requestNoStore: "request-no-store"
        case .tooLarge: "too-large"
        case .invalidated: "invalidated"
        case .tooManyTags: "too-many-tags"
        case .route: "route"
        case .incomplete: "incomplete"
        case .storeFull: "store-full"
        case .superseded: "superseded"
        case .requestTooLarge: "request-too-large"
        case .damaged: "damaged"
        case .requestSpecific: "request-specific"
        case .requestForm: "request-form"
        case .eventStream: "event-stream"
        }
    }

    /// It is about the request, and says nothing of the resource.
    package var isOfRequest: Bool {
        switch self {
        case .method, .authorization, .requestNoStore, .requestTooLarge, .requestSpecific, .requestForm: true
        default: false
        }
    }
}

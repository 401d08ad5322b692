// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

extension DirectiveTable {
    static let requestFields = Directive<RouteDraft>(
        "request_fields", in: \.settings.requestFields,
        keys: [
            .word(
                "identity", \.identity,
                "Fields from which servers take host, path, scheme, method, user or client, as X-Original-URL: drop "
                    + "sends on those of trusted proxies alone; pass lets anybody choose what others get."),
            .word(
                "unusual_names", \.unusualNames,
                "Names of other bytes than letters, digits and hyphens, as X_Real_IP, which many servers take for "
                    + "X-Real-IP."),
            .list(
                "allow", "FIELD", \.allowed, none: none, "Fields that pass from anybody, whatever is said before.",
                check: TextCheck.fieldName),
            .list(
                "trailers", "FIELD", \.trailers, none: none, "Trailer fields that pass; all others are dropped.",
                check: TextCheck.trailerName),
        ], "Says what of a request is sent on although it is not keyed, on routes that store.",
        "Fields that `key` names always pass. What a trusted proxy says of host, path, scheme and user is keyed; what it "
            + "says of the client is not: the proxy is trusted for that. A method override passes where nothing it "
            + "could change is stored. Trailers are dropped on routes that pass, too.",
        example: "request_fields allow=X-Real-IP trailers=X-Checksum")
}

// SPDX-License-Identifier: Apache-2.0
import CacheRules

/// The closed lists of words in which answers are explained, for tests and tools.
package enum AnswerWords {
    /// One line each: the kind of word and the word.
    package static func list() -> String {
        var text = ""
        func add(_ kind: StaticString, _ words: [StaticString]) { for word in words { text += "\(kind) \(word)\n" } }
        add("outcome", CacheOutcome.allCases.map(\.label))
        add("fwd", ForwardReason.allCases.map(\.label))
        add("stale", StaleReason.allCases.map(\.label))
        add("not-stored", NotStoredReason.allCases.map(\.label))
        add("detail", LocalDetail.all)
        add("log", AccessLog.members)
        for metric in Metric.allCases { text += "metric \(metric.name)\n" }
        return text
    }
}

// SPDX-License-Identifier: Apache-2.0

/// What the values of a file are read with: the files that they may name, and what has been found so far.
package struct ReadingContext {
    package let files: ConfigFiles
    package var diagnostics: DiagnosticList

    package init(files: ConfigFiles, diagnostics: DiagnosticList) {
        self.files = files
        self.diagnostics = diagnostics
    }

    /// `5 m` for 5m.
    package mutating func reportsDetachedUnit(_ words: [Word], _ name: String) -> Bool {
        for (number, unit) in zip(words, words.dropFirst()) where !unit.isQuoted && Units.isUnit(unit.text) {
            let digits = String(number.text.reversed().prefix { $0.isASCII && $0.isNumber }.reversed())
            guard !digits.isEmpty, digits == number.text || number.text.hasSuffix("=\(digits)") else { continue }
            diagnostics.error(unit.place, "\"\(name)\": write \"\(digits)\(unit.text)\", without a blank")
            return true
        }
        return false
    }

    /// `in line 3`, or with the file's name if it is another one.
    package func whereabouts(_ place: Place, _ reader: Place) -> String {
        let line = diagnostics.files[place.file].locate(place.start).line
        return place.file == reader.file ? "in line \(line)" : "at \(diagnostics.files[place.file].name):\(line)"
    }

    /// What makes a secret known to more than it should be.
    mutating func warnOfSecret(_ text: String, _ name: String, _ word: Word, file path: String?) {
        if text.utf8.count < SecretText.shortBytes {
            diagnostics.warning(
                word.place, "the \(name) is shorter than \(SecretText.shortBytes) bytes, and soon guessed")
        }
        if let path {
            guard files.isOpenToAll(path) else { return }
            diagnostics.warning(word.place, "every user of this machine can read \"\(path)\": chmod 600 or 640 it")
        } else if !word.hasVariable, files.isOpenToAll(diagnostics.files[word.place.file].name) {
            diagnostics.warning(
                word.place,
                "every user of this machine can read this file, and the \(name) in it: put it into \(name)_file= or "
                    + "the environment, or chmod 640 this file")
        }
    }
}

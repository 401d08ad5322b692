// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire

extension BodyFraming {
    /// The body's length as the response tells it, also when the body itself is left out.
    func contentLength(of response: borrowing ResponseHead, request method: Method) -> Int? {
        if case .length(let count) = self { return count }
        guard method == .head || response.status.code == 304,
            let index = response.fields.firstIndex(of: .contentLength)
        else { return nil }
        let value = response.fields.value(at: index)
        return DecimalText.parse(value)
    }
}

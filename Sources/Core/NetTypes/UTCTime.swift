/// Wall-clock time as text, without a time zone database.
package enum UTCTime {
    /// `2026-11-22 01:02:03.456` of milliseconds since 1970.
    package static func text(_ milliseconds: Int64) -> String {
        let (seconds, rest) = floored(milliseconds, 1000)
        return "\(text(seconds: seconds)).\(pad(rest, 3))"
    }

    /// `2026-11-22 01:02:03.456789` of nanoseconds since 1970.
    package static func text(nanoseconds: Int64) -> String {
        let (seconds, rest) = floored(nanoseconds, 1_000_000_000)
        return "\(text(seconds: seconds)).\(pad(rest / 1000, 6))"
    }

    private static func text(seconds: Int64) -> String {
        let (days, rest) = floored(seconds, 86_400)
        let (year, month, day) = date(days)
        return "\(pad(year, 4))-\(pad(month))-\(pad(day)) \(pad(rest / 3600)):\(pad(rest / 60 % 60)):\(pad(rest % 60))"
    }

    private static func pad(_ number: Int64, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func floored(_ number: Int64, _ divisor: Int64) -> (quotient: Int64, rest: Int64) {
        let (quotient, rest) = number.quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
    }

    /// The Gregorian date of a day since 1970-01-01, counted in 400-year eras that begin in March.
    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floored(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}

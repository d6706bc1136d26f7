import BGPCapture

/// A capture comes to the same in one piece and in many, and everything in it can be shown.
func fuzzCapture(_ bytes: [UInt8]) {
    guard let choice = bytes.first else { return }
    var settings = CaptureSettings()
    settings.fourOctetAS = choice & 1 == 0
    settings.isExternal = choice & 2 == 0
    settings.addPath = choice & 4 == 0 ? [] : .all
    settings.port = choice & 8 == 0 ? nil : 179
    let form = CapturePrinter.Form.allCases[Int(choice >> 6) % CapturePrinter.Form.allCases.count]
    let whole = shown(bytes.dropFirst(), piece: bytes.count, settings, form)
    let pieces = shown(bytes.dropFirst(), piece: Int(choice >> 4 & 3) * 17 + 1, settings, form)
    precondition(whole == pieces, "the pieces matter")
}

private func shown(
    _ bytes: ArraySlice<UInt8>, piece: Int, _ settings: CaptureSettings, _ form: CapturePrinter.Form
) -> [String] {
    var printer = CapturePrinter()
    printer.form = form
    var decoder = CaptureDecoder(settings)
    var (rest, texts) = (bytes, [String]())
    do throws(CaptureError) {
        while !rest.isEmpty {
            texts += try decoder.append(rest.prefix(piece)).compactMap { printer.text($0) }
            rest = rest.dropFirst(piece)
        }
        texts += try decoder.finish().compactMap { printer.text($0) }
    } catch {
        texts.append("error \(error)")
    }
    return texts
}

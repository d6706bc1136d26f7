import ControlAPI

extension Agent {
    func pods() throws -> [PodDocument] { [] }
}

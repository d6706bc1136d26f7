// What a plugin does not need when it starts. Swift's runtime looks for a program that prints backtraces, in ten
// places, and reads /proc/self/maps to find the arguments, which a plugin has none of: a quarter of its start. In a
// static executable these definitions take the place of the runtime's own, which are then not linked; a crash is still
// told with its reason.
#include "CPlainStart.h"

#ifdef MARTLET_STATIC

#include <stddef.h>
#include <stdint.h>

/// Settings of the runtime's backtraces, all zero: they are off.
uint32_t _swift_backtraceSettings[32];

char *_swift_backtrace_demangle(const char *name, size_t length, char *out, size_t *out_length);
_Bool _swift_backtrace_isThunkFunction(const char *name);
void _swift_displayCrashMessage(int signal, const void *pc);
_Bool _swift_spawnBacktracer(const void *crash, int memory);
char **_swift_stdlib_getUnsafeArgvArgc(int32_t *count);
void _swift_stdlib_overrideUnsafeArgvArgc(char **arguments, int32_t count);

char *_swift_backtrace_demangle(const char *name, size_t length, char *out, size_t *out_length) {
    (void)name, (void)length, (void)out, (void)out_length;
    return NULL;
}

_Bool _swift_backtrace_isThunkFunction(const char *name) {
    (void)name;
    return 0;
}

void _swift_displayCrashMessage(int signal, const void *pc) { (void)signal, (void)pc; }

_Bool _swift_spawnBacktracer(const void *crash, int memory) {
    (void)crash, (void)memory;
    return 0;
}

/// CommandLine.arguments: none.
char **_swift_stdlib_getUnsafeArgvArgc(int32_t *count) {
    static char *none[1];
    *count = 0;
    return none;
}

void _swift_stdlib_overrideUnsafeArgvArgc(char **arguments, int32_t count) { (void)arguments, (void)count; }

#endif

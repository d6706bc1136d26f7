// Filters of netlink sockets: programs for the kernel, which C has macros for.
#pragma once

#include <stdint.h>

/// The socket hears no messages of the types `first` and `second` that were caused by the socket with the address
/// `sender`. 0, or -1 with errno.
int clinux_drop_netlink(int fd, uint32_t sender, uint16_t first, uint16_t second);

/// Takes the filter away; it is no error if there was none.
void clinux_drop_nothing(int fd);

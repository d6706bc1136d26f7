// What CMicroHTTPD makes visible to Swift: libmicrohttpd, and its variadic and macro-only parts as functions.
#pragma once
#include <microhttpd.h>

/// Starts a daemon that serves the listening socket `fd`, has no thread of its own, and suspends connections.
/// It closes `fd` when it stops. `limit` connections at most; idle ones are closed after `timeout` seconds.
static inline struct MHD_Daemon *cmicrohttpd_start(int fd, unsigned limit, unsigned timeout,
                                                   MHD_AccessHandlerCallback handler,
                                                   MHD_RequestCompletedCallback completed, void *context) {
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handler, context,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, limit,
                            MHD_OPTION_CONNECTION_TIMEOUT, timeout, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384,
                            MHD_OPTION_NOTIFY_COMPLETED, completed, context, MHD_OPTION_END);
}

/// The descriptor that becomes readable when the daemon has something to do, or -1.
static inline int cmicrohttpd_descriptor(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info == NULL ? -1 : info->epoll_fd;
}

/// Milliseconds until `MHD_run` must be called again, or -1 when only the descriptor decides.
static inline long long cmicrohttpd_timeout(struct MHD_Daemon *daemon) {
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    if (MHD_get_timeout(daemon, &timeout) != MHD_YES) return -1;
    return timeout > 3600000 ? 3600000 : (long long)timeout;
}

/// The socket of a connection, or -1.
static inline int cmicrohttpd_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}

/// Queues a response without a known end, whose octets `reader` gives; `release` gets `context` when it is gone, also
/// when this fails.
static inline enum MHD_Result cmicrohttpd_stream(struct MHD_Connection *connection, const char *content_type,
                                                 MHD_ContentReaderCallback reader, void *context,
                                                 MHD_ContentReaderFreeCallback release) {
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 32768, reader, context, release);
    if (response == NULL) {
        release(context);
        return MHD_NO;
    }
    enum MHD_Result result = MHD_add_response_header(response, "Content-Type", content_type);
    if (result == MHD_YES) result = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

/// Queues a response with a copy of `bytes`; `allow` is the method that a 405 names, or NULL.
static inline enum MHD_Result cmicrohttpd_respond(struct MHD_Connection *connection, unsigned status,
                                                  const void *bytes, size_t size, const char *content_type,
                                                  const char *allow) {
    struct MHD_Response *response = MHD_create_response_from_buffer(size, (void *)bytes, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) return MHD_NO;
    enum MHD_Result result = MHD_add_response_header(response, "Content-Type", content_type);
    if (result == MHD_YES && allow != NULL) result = MHD_add_response_header(response, "Allow", allow);
    if (result == MHD_YES) result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

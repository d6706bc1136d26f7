// What CMicroHTTPD makes visible to Swift.
#pragma once
#include <microhttpd.h>

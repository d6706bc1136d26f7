// What CCurl makes visible to Swift.
#pragma once
#include <curl/curl.h>

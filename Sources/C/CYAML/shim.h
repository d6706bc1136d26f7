// What CYAML makes visible to Swift.
#pragma once
#include <yaml.h>

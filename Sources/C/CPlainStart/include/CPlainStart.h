// Nothing to call: what stands in PlainStart.c takes the place of parts of the Swift runtime when it is linked.
#pragma once

// SPDX-License-Identifier: GPL-2.0
/* Each module has a copy of attach.c of its own, which speaks in its name. */
#include "target.h"
#include "../attach/attach.c"

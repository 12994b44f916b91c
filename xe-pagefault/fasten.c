// SPDX-License-Identifier: GPL-2.0
/* attach/attach.c, compiled for this module's target. */
#include "target.h"
#include "../attach/attach.c"

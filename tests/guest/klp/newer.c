// SPDX-License-Identifier: GPL-2.0
/* The next version of that vendor's livepatch. */
#include "other.c"

// SPDX-License-Identifier: GPL-2.0
#include "ctl.h"

int main(int argc, char **argv)
{
	return outriggerctl(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
#include "ctl.h"

int main(int argc, char **argv)
{
	int ret = outriggerctl(argc, argv);

	/* ferror() also catches an error in an earlier flush of the buffer */
	if (!ferror(stdout) && !fclose(stdout))
		return ret;
	complain("some of the output could not be written");
	return ret ? ret : FAILED;
}

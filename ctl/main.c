// SPDX-License-Identifier: GPL-2.0
#include "ctl.h"

int main(int argc, char **argv)
{
	int ret = outriggerctl(argc, argv);

	/* the error may be of an earlier buffer, which was full */
	if (!ferror(stdout) && !fclose(stdout))
		return ret;
	complain("the output could not be written to its end");
	return ret ? ret : FAILED;
}

/* The drivers that there are. */
#include "driver.h"

#include <string.h>

const struct pb_driver *pb_driver_find(const char *name)
{
	static const struct pb_driver *const drivers[] = { &pb_driver_ruioo, &pb_driver_woshi };

	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
		if (!strcmp(drivers[i]->name, name))
			return drivers[i];
	return NULL;
}

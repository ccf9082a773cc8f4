/* What a device runs in tests: says by sd_notify's protocol that it is well, and waits for its end. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *name = getenv("NOTIFY_SOCKET");
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	size_t size = name ? strlen(name) : 0;

	if (fd < 0 || size < 2 || size >= sizeof(to.sun_path))
		return 1;
	memcpy(to.sun_path + 1, name + 1, size - 1);
	if (sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&to,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) < 0)
		return 1;
	pause();
	return 0;
}

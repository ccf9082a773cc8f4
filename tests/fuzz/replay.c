/* Runs a fuzz target once over every file of the folders given: the part of fuzzing that every build can do. */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>

#define SIZE_MAX_BYTES (4 << 20)

static int replay_file(const char *folder, const char *name)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "rb");
	if (!f) {
		fprintf(stderr, "%s cannot be read\n", path);
		return 1;
	}
	uint8_t *data = malloc(SIZE_MAX_BYTES);
	size_t size = data ? fread(data, 1, SIZE_MAX_BYTES, f) : 0;
	fclose(f);
	/* exactly as large as its content, so that a sanitizer sees every read beyond it */
	uint8_t *exact = data && size ? malloc(size) : NULL;
	if (exact)
		memcpy(exact, data, size);
	free(data);
	fprintf(stderr, "%s\n", path); /* the last line before a crash names the culprit */
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	int count = 0, failed = 0;
	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		if (!d) {
			fprintf(stderr, "%s cannot be read\n", argv[i]);
			return 1;
		}
		for (struct dirent *e; (e = readdir(d));) {
			if (e->d_name[0] == '.')
				continue;
			failed += replay_file(argv[i], e->d_name);
			count++;
		}
		closedir(d);
	}
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("%d inputs replayed\n", count);
	return failed || count == 0;
}

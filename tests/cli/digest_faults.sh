# Files that do not open are told, the others are read.
echo "nothing of the kind" > text.root
: > empty.root
head -c 100000 events.root > cut.root
$VCOL digest missing.root text.root empty.root cut.root events.root > table
echo "status $?"
cut -f1 table | sort | uniq -c | sed 's/^ *//'

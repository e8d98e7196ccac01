# A flipped bit in a basket is found, with its place.
python3 - <<'END'
data = bytearray(open("events.root", "rb").read())
at = 200000
data[at] ^= 0x10
open("flipped.root", "wb").write(data)
END
$VCOL verify flipped.root

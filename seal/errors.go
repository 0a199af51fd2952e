package seal

import "errors"

// What can be wrong with a share. Each text is followed by what was seen and
// what was wanted, never by a part of the share. None of them is progress, and
// none of them takes progress away.
var (
	// ErrShareEncoding: a character that belongs neither to hex nor to base64.
	ErrShareEncoding = errors.New("seal: the share is neither hex nor base64: look for a stray or mistyped character")
	// ErrShareLength: characters are missing or too many.
	ErrShareLength = errors.New("seal: the share has the wrong length: it was cut or pasted with something else")
	// ErrShareDamaged: the checksum inside the share does not match.
	ErrShareDamaged = errors.New("seal: the share is damaged: a character is mistyped or two are swapped, compare it with the original")
	// ErrShareVersion: the checksum is right, the layout is unknown.
	ErrShareVersion = errors.New("seal: the share was made by a newer release: upgrade this node")
	// ErrShareForeign: a good share of another cluster.
	ErrShareForeign = errors.New("seal: the share belongs to another cluster")
	// ErrShareGeneration: a good share of this cluster from before or after a rekey.
	ErrShareGeneration = errors.New("seal: the share is of another generation: use the shares of the rekey that this node knows")
	// ErrShareIndex: the share has a number that this record has no place for.
	ErrShareIndex = errors.New("seal: the share has a number that this cluster did not hand out")
	// ErrShareWrong: well formed, right cluster, right generation, wrong value.
	ErrShareWrong = errors.New("seal: the share is forged or belongs to an abandoned init: it does not match the commitment in the seal record")
	// ErrShareRepeated: this one was submitted already.
	ErrShareRepeated = errors.New("seal: this share was submitted already: another holder's share is needed")
)

var (
	// ErrParams: Create cannot make such a seal; the text says why.
	ErrParams = errors.New("seal: cannot make such a seal")
	// ErrReadBack: what was just made did not come back out of its own bytes.
	ErrReadBack = errors.New("seal: the new seal record does not open again: nothing was stored, suspect this machine's memory and try again")
	// ErrRecord: not a seal record in canonical form; the text says why.
	ErrRecord = errors.New("seal: not a usable seal record")
	// ErrNotSuccessor: a record that would replace the one in force is not the
	// same seal with later terms; the text says what differs.
	ErrNotSuccessor = errors.New("seal: the seal record does not continue the one in force")
	// ErrRecordDamaged: k right shares do not open the record. Their progress is gone.
	ErrRecordDamaged = errors.New("seal: the shares are right but the seal record does not open: it was altered or damaged, take it from another node or a backup")
)

// What can be wrong with a root key that another side unwrapped. The shares open
// the seal whatever it is.
var (
	// ErrNoWrapping: the record holds nothing that this wrapper made.
	ErrNoWrapping = errors.New("seal: the seal record holds nothing that this seal wrapped: unseal with shares, then run 'signet operator migrate-seal'")
	// ErrWrapping: a wrapper did not make a wrapping that it can undo; the text says
	// which one and why.
	ErrWrapping = errors.New("seal: the root key cannot be wrapped like that, and nothing was changed")
	// ErrUnwrapDamaged: what came back is not what was given away.
	ErrUnwrapDamaged = errors.New("seal: what was unwrapped is no root key of Signet: the other side unwraps something else, or changes what it is given")
	// ErrUnwrapForeign: the root key of another cluster.
	ErrUnwrapForeign = errors.New("seal: the unwrapped root key belongs to another cluster")
	// ErrUnwrapGeneration: the root key of this cluster from before or after a rekey.
	ErrUnwrapGeneration = errors.New("seal: the unwrapped root key is of another generation: it was wrapped before or after a rekey")
	// ErrUnwrapWrong: it calls itself this cluster's, and does not open its record.
	ErrUnwrapWrong = errors.New("seal: the unwrapped root key does not open this cluster's seal record")
)

namespace FlowCut.Models.Tokenization;

/// <summary>Type of a piece, numbered as in sentencepiece_model.proto.</summary>
internal enum PieceType
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

internal readonly record struct Piece(string Text, float Score, PieceType Type);

/// <summary>
/// A SentencePiece model file (tokenizer.model) of type BPE: the serialised message <c>ModelProto</c> of
/// sentencepiece_model.proto. What this library does not implement is refused by name.
/// </summary>
internal sealed class SentencePieceModel
{
    private const int ByteCount = 256;

    private readonly string _file;
    private readonly List<Piece> _pieces = [];
    private int _modelType = 1;
    private bool _spaceAsSuffix;
    private int _charsMapLength;
    private string _normalizer = "";

    private SentencePieceModel(string file) => _file = file;

    /// <summary>The pieces; a piece's index is its id.</summary>
    public IReadOnlyList<Piece> Pieces => _pieces;

    public bool ByteFallback { get; private set; }

    public bool AddDummyPrefix { get; private set; } = true;

    public bool RemoveExtraWhitespaces { get; private set; } = true;

    public bool EscapeWhitespaces { get; private set; } = true;

    /// <summary>Text of the piece that begins a sequence.</summary>
    public string BosPiece { get; private set; } = "<s>";

    /// <summary>Text of the piece that ends a sequence.</summary>
    public string EosPiece { get; private set; } = "</s>";

    /// <summary>Id of the piece of type unknown.</summary>
    public int UnknownId { get; private set; }

    /// <summary>Id of the piece of each byte; null without <see cref="ByteFallback"/>.</summary>
    public int[]? ByteIds { get; private set; }

    /// <exception cref="ModelFormatException">The bytes are not a model, or one that is not supported.</exception>
    public static SentencePieceModel Parse(string file, ReadOnlySpan<byte> bytes)
    {
        var model = new SentencePieceModel(file);
        var message = new ProtobufReader(file, bytes);
        while (message.Next())
        {
            switch (message.Field)
            {
                case 1: model.ReadPiece(message.ReadMessage()); break;
                case 2: model.ReadTrainerSpec(message.ReadMessage()); break;
                case 3: model.ReadNormalizerSpec(message.ReadMessage()); break;
                case 5: model.ReadDenormalizerSpec(message.ReadMessage()); break;
                default: message.Skip(); break;
            }
        }

        model.Check();
        return model;
    }

    private void ReadPiece(ProtobufReader message)
    {
        var text = "";
        var score = 0f;
        var type = (int)PieceType.Normal;
        while (message.Next())
        {
            switch (message.Field)
            {
                case 1: text = message.ReadString(); break;
                case 2: score = message.ReadSingle(); break;
                case 3: type = message.ReadInt32(); break;
                default: message.Skip(); break;
            }
        }

        if (!Enum.IsDefined((PieceType)type)) throw Error($"piece {_pieces.Count} '{text}' has the unknown type {type}");
        if (float.IsNaN(score)) throw Error($"piece {_pieces.Count} '{text}' has a score that is not a number");
        _pieces.Add(new Piece(text, score, (PieceType)type));
    }

    private void ReadTrainerSpec(ProtobufReader message)
    {
        while (message.Next())
        {
            switch (message.Field)
            {
                case 3: _modelType = message.ReadInt32(); break;
                case 24: _spaceAsSuffix = message.ReadBoolean(); break;
                case 35: ByteFallback = message.ReadBoolean(); break;
                case 46: BosPiece = message.ReadString(); break;
                case 47: EosPiece = message.ReadString(); break;
                default: message.Skip(); break;
            }
        }
    }

    private void ReadNormalizerSpec(ProtobufReader message)
    {
        while (message.Next())
        {
            switch (message.Field)
            {
                case 1: _normalizer = message.ReadString(); break;
                case 2: _charsMapLength += message.ReadBytesLength(); break;
                case 3: AddDummyPrefix = message.ReadBoolean(); break;
                case 4: RemoveExtraWhitespaces = message.ReadBoolean(); break;
                case 5: EscapeWhitespaces = message.ReadBoolean(); break;
                default: message.Skip(); break;
            }
        }
    }

    private void ReadDenormalizerSpec(ProtobufReader message)
    {
        while (message.Next())
        {
            if (message.Field == 2) _charsMapLength += message.ReadBytesLength();
            else message.Skip();
        }
    }

    private void Check()
    {
        if (_pieces.Count == 0) throw Error("no pieces: this is not a SentencePiece model");
        if (_modelType != 2)
        {
            var name = _modelType switch { 1 => "Unigram", 3 => "word", 4 => "character", _ => "unknown" };
            throw Error($"its type is {_modelType} ({name}); only BPE (2) is supported");
        }

        if (_charsMapLength > 0) throw Error($"its normaliser '{_normalizer}' has a character map; only identity normalisation is supported");
        if (_spaceAsSuffix) throw Error("treat_whitespace_as_suffix is not supported");
        var unused = _pieces.FindIndex(piece => piece.Type == PieceType.Unused);
        if (unused >= 0) throw Error($"piece {unused} '{_pieces[unused].Text}' is marked unused, which is not supported");
        UnknownId = _pieces.FindIndex(piece => piece.Type == PieceType.Unknown);
        if (UnknownId < 0) throw Error("there is no piece of type unknown");
        if (UnknownId != _pieces.FindLastIndex(piece => piece.Type == PieceType.Unknown)) throw Error("there is more than one piece of type unknown");
        if (ByteFallback) ByteIds = FindBytes();
        else if (_pieces.Exists(piece => piece.Type == PieceType.Byte)) throw Error("there are byte pieces although byte_fallback is off");
    }

    private int[] FindBytes()
    {
        var ids = new int[ByteCount];
        Array.Fill(ids, -1);
        for (var id = 0; id < _pieces.Count; id++)
        {
            if (_pieces[id].Type != PieceType.Byte) continue;
            var value = ByteTokens.ValueOf(_pieces[id].Text);
            if (value < 0) throw Error($"piece {id} '{_pieces[id].Text}' has type byte but does not read <0xNN>");
            ids[value] = id;
        }

        var missing = Array.IndexOf(ids, -1);
        if (missing >= 0) throw Error($"byte_fallback is on, but the byte piece {ByteTokens.NameOf(missing)} is missing");
        return ids;
    }

    private ModelFormatException Error(string reason) => new(_file, reason);
}

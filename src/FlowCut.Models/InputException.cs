namespace FlowCut.Models;

/// <summary>
/// What was given cannot be used: a file that is missing, damaged or not what it says, an unknown model type,
/// a budget out of range. The message says what is wrong, where (file, tensor, offset) and, where it helps, what to do.
/// The command line turns it into exit status 2.
/// </summary>
public class InputException : Exception
{
    public InputException(string message)
        : base(message) { }

    public InputException(string message, Exception innerException)
        : base(message, innerException) { }
}

/// <summary>A checkpoint, configuration or tokenizer file breaks its format. The message starts with the file's path.</summary>
public sealed class ModelFormatException : InputException
{
    public ModelFormatException(string file, string reason)
        : base($"{file}: {reason}") => File = file;

    public ModelFormatException(string file, string reason, Exception innerException)
        : base($"{file}: {reason}", innerException) => File = file;

    /// <summary>Path of the file at fault, as the caller named it.</summary>
    public string File { get; }
}

/// <summary>A picture cannot be read or prepared. The message starts with the file's path where there is one.</summary>
public sealed class PictureFormatException : InputException
{
    public PictureFormatException(string message)
        : base(message) { }

    public PictureFormatException(string message, Exception innerException)
        : base(message, innerException) { }
}

locals { anybody = { Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Principal = "*", Resource = "arn:aws:s3:::example/*" }] } }
resource "aws_s3_bucket_public_access_block" "caught_switch" {
  bucket                  = "one"
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
resource "aws_s3_bucket_public_access_block" "caught_removed" {
  bucket            = "two"
  block_public_acls = true
}
resource "aws_s3_bucket_public_access_block" "near_better" {
  bucket              = "three"
  block_public_acls   = false
  block_public_policy = false
}
resource "aws_s3_bucket_policy" "caught_principal" {
  bucket = "four"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Principal = { AWS = "123456789012" }, Resource = "arn:aws:s3:::example/*" }] })
}
resource "aws_s3_bucket_policy" "near_was_public" {
  bucket = "five"
  policy = jsonencode(merge(local.anybody, { Id = "one" }))
}
resource "aws_security_group" "caught_inline" {
  name   = "one"
  vpc_id = "vpc-1"
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8"]
  }
}
resource "aws_security_group" "near_own_network" {
  name   = "two"
  vpc_id = "vpc-1"
}
resource "aws_db_instance" "caught_database" {
  identifier          = "one"
  instance_class      = "db.t4g.micro"
  engine              = "postgres"
  allocated_storage   = 20
  username            = "example"
  password            = "example-password"
  skip_final_snapshot = true
}
resource "aws_eks_cluster" "caught_endpoint" {
  name     = "one"
  role_arn = "arn:aws:iam::123456789012:role/eks"
  vpc_config {
    subnet_ids              = ["subnet-1", "subnet-2"]
    endpoint_public_access  = false
    endpoint_private_access = true
  }
}
resource "aws_lambda_function_url" "caught_url" {
  function_name      = "existing"
  authorization_type = "AWS_IAM"
}
